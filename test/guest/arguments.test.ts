import assert from 'node:assert/strict';
import { qemuArguments } from './arguments.ts';

suite('a guest’s machine', () => {
  test('qemuArguments() says all of it', () => {
    const spec = {
      accelerator: 'tcg',
      processors: 2,
      memoryMib: 1024,
      kernel: '/k/vmlinuz',
      firstRoot: '/t/first-root.cpio',
      disk: '/t/disk',
      files: '/t/files.sock',
      console: '/t/console',
      port: 'wherry.results',
    } as const;
    const pairs = qemuArguments(spec).join(' ').replaceAll(' -', '\n-').split('\n');
    assert.deepEqual(pairs, [
      '-nodefaults',
      '-no-user-config',
      '-no-reboot',
      '-display none',
      '-machine q35,memory-backend=memory',
      '-accel tcg,thread=multi',
      '-cpu max',
      '-smp 2',
      '-m 1024M',
      '-object memory-backend-memfd,id=memory,size=1024M,share=on',
      '-kernel /k/vmlinuz',
      '-initrd /t/first-root.cpio',
      '-append console=ttyS0 quiet panic=-1',
      '-chardev file,id=console,path=/t/console',
      '-serial chardev:console',
      '-chardev stdio,id=port,signal=off',
      '-device virtio-serial-pci',
      '-device virtserialport,chardev=port,name=wherry.results',
      '-chardev socket,id=files,path=/t/files.sock',
      '-device vhost-user-fs-pci,chardev=files,tag=host',
      '-drive file=/t/disk,if=virtio,format=raw,cache=unsafe',
    ]);
    assert.ok(qemuArguments({ ...spec, accelerator: 'kvm' }).includes('kvm'));
  });
});
