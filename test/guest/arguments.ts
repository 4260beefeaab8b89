/** The command line of QEMU for a guest. Pure. */

/** How the guest's processor is made: by the machine's own, or in software. */
export type Accelerator = 'kvm' | 'tcg';

export interface MachineSpec {
  accelerator: Accelerator;
  processors: number;
  memoryMib: number;
  kernel: string;
  firstRoot: string;
  /** A raw file that the guest has as its first disk. */
  disk: string;
  /** Socket of the file server that shows the guest this machine's files, under the tag `host`. */
  files: string;
  /** What the guest says on its console goes into this file. */
  console: string;
  /** The name in the guest of the port whose other end is QEMU's standard input and output. */
  port: string;
}

export function qemuArguments(spec: MachineSpec): string[] {
  const memory = `${spec.memoryMib}M`;
  return [
    '-nodefaults',
    '-no-user-config',
    '-no-reboot',
    ...['-display', 'none'],
    ...['-machine', 'q35,memory-backend=memory'],
    ...['-accel', spec.accelerator === 'tcg' ? 'tcg,thread=multi' : 'kvm'],
    ...['-cpu', 'max'],
    ...['-smp', String(spec.processors)],
    ...['-m', memory],
    // The file server writes straight into the guest's memory.
    ...['-object', `memory-backend-memfd,id=memory,size=${memory},share=on`],
    ...['-kernel', spec.kernel],
    ...['-initrd', spec.firstRoot],
    // A guest that panics ends at once, as it does not start anew.
    ...['-append', 'console=ttyS0 quiet panic=-1'],
    ...['-chardev', `file,id=console,path=${spec.console}`],
    ...['-serial', 'chardev:console'],
    ...['-chardev', 'stdio,id=port,signal=off'],
    ...['-device', 'virtio-serial-pci'],
    ...['-device', `virtserialport,chardev=port,name=${spec.port}`],
    ...['-chardev', `socket,id=files,path=${spec.files}`],
    ...['-device', 'vhost-user-fs-pci,chardev=files,tag=host'],
    // Nothing on it outlives the guest.
    ...['-drive', `file=${spec.disk},if=virtio,format=raw,cache=unsafe`],
  ];
}
