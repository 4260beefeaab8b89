import assert from 'node:assert/strict';
import { defaultSeccomp } from './seccomp-default.ts';

suite('seccomp default', () => {
  const allowed = (capabilities: string[]) =>
    new Set(
      defaultSeccomp(capabilities, 'x64').syscalls.flatMap(({ names, action, args }) =>
        action === 'SCMP_ACT_ALLOW' && !args ? names : [],
      ),
    );

  test('defaultSeccomp() refuses what reaches around the walls, unless a capability says otherwise', () => {
    const ordinary = allowed(['CAP_CHOWN']);
    for (const name of ['read', 'openat', 'execve', 'futex', 'epoll_wait', 'rseq']) assert.ok(ordinary.has(name), name);
    const refused = [
      'mount',
      'unshare',
      'setns',
      'bpf',
      'init_module',
      'kexec_load',
      'add_key',
      'keyctl',
      'clone3',
      'io_uring_setup',
      'userfaultfd',
      'reboot',
      'swapon',
    ];
    for (const name of refused) assert.ok(!ordinary.has(name), name);
    const admin = allowed(['CAP_SYS_ADMIN']);
    for (const name of ['mount', 'unshare', 'clone', 'clone3']) assert.ok(admin.has(name), name);
  });

  test('defaultSeccomp() names no system call twice', () => {
    const names = defaultSeccomp(['CAP_SYS_ADMIN', 'CAP_BPF'], 'x64').syscalls[0]!.names;
    assert.equal(new Set(names).size, names.length);
  });
});
