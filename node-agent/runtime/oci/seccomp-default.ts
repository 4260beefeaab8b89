/**
 * The system calls of the RuntimeDefault profile: what programs ordinarily need. Refused are those that reach around the walls (modules,
 * kexec, mounts, new namespaces, other processes' keys), that widen the kernel's attack surface for no one's good (userfaultfd, io_uring, bpf, obsolete calls), and
 * those that only a capability makes useful, unless the container has it.
 */

export interface SeccompSyscall {
  names: string[];
  action: 'SCMP_ACT_ALLOW' | 'SCMP_ACT_ERRNO';
  errnoRet?: number;
  args?: {
    index: number;
    value: number;
    valueTwo?: number;
    op: 'SCMP_CMP_EQ' | 'SCMP_CMP_NE' | 'SCMP_CMP_MASKED_EQ';
  }[];
}

/** A profile as the OCI spec has it. */
export interface SeccompProfile {
  defaultAction: string;
  defaultErrnoRet?: number;
  architectures?: string[];
  flags?: string[];
  syscalls: SeccompSyscall[];
}

const words = (text: string) => text.trim().split(/\s+/);

const always = [
  ...words(`read readv pread64 preadv preadv2 write writev pwrite64 pwritev pwritev2 open openat openat2 creat close close_range
    lseek _llseek dup dup2 dup3 pipe pipe2 fcntl fcntl64 ioctl flock fsync fdatasync sync syncfs sync_file_range sync_file_range2 arm_sync_file_range
    truncate truncate64 ftruncate ftruncate64 fallocate fadvise64 fadvise64_64 arm_fadvise64_64 readahead copy_file_range sendfile
    sendfile64 splice tee vmsplice cachestat`),
  ...words(`stat stat64 lstat lstat64 fstat fstat64 fstatat64 newfstatat statx oldstat oldlstat oldfstat access faccessat faccessat2 readlink readlinkat
    statfs statfs64 fstatfs fstatfs64 ustat getdents getdents64 getcwd chdir fchdir`),
  ...words(`mkdir mkdirat mknod mknodat rmdir unlink unlinkat link linkat symlink symlinkat rename renameat renameat2 chmod
    fchmod fchmodat fchmodat2 chown chown32 fchown fchown32 fchownat lchown lchown32 umask utime utimes utimensat utimensat_time64 futimesat
    getxattr lgetxattr fgetxattr getxattrat listxattr llistxattr flistxattr listxattrat setxattr lsetxattr fsetxattr setxattrat removexattr lremovexattr
    fremovexattr removexattrat name_to_handle_at file_getattr file_setattr`),
  ...words(`inotify_init inotify_init1 inotify_add_watch inotify_rm_watch fanotify_mark epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_wait epoll_wait_old
    epoll_pwait epoll_pwait2 poll ppoll ppoll_time64 select _newselect pselect6 pselect6_time64 eventfd eventfd2 signalfd signalfd4
    timerfd_create timerfd_settime timerfd_settime64 timerfd_gettime timerfd_gettime64 memfd_create memfd_secret`),
  ...words(`mmap mmap2 munmap mremap mprotect msync madvise mincore mlock mlock2 mlockall munlock munlockall brk remap_file_pages mseal map_shadow_stack
    pkey_alloc pkey_free pkey_mprotect membarrier process_mrelease`),
  ...words(`fork vfork execve execveat exit exit_group wait4 waitid waitpid kill tkill tgkill pidfd_open pidfd_send_signal getpid getppid gettid
    getpgid getpgrp setpgid getsid setsid set_tid_address getpriority setpriority ioprio_get ioprio_set nice prctl arch_prctl
    getrlimit setrlimit ugetrlimit prlimit64 getrusage times sysinfo uname capget capset modify_ldt get_thread_area set_thread_area rseq seccomp
    get_robust_list set_robust_list alarm pause getitimer setitimer restart_syscall riscv_hwprobe riscv_flush_icache`),
  ...words(`getuid getuid32 geteuid geteuid32 getgid getgid32 getegid getegid32 getresuid getresuid32 getresgid getresgid32 getgroups getgroups32 setuid setuid32
    setgid setgid32 setreuid setreuid32 setregid setregid32 setresuid setresuid32 setresgid setresgid32 setgroups setgroups32 setfsuid setfsuid32 setfsgid
    setfsgid32`),
  ...words(`sched_yield sched_getaffinity sched_setaffinity sched_getattr sched_setattr sched_getparam sched_setparam
    sched_getscheduler sched_setscheduler sched_get_priority_max sched_get_priority_min sched_rr_get_interval sched_rr_get_interval_time64 getcpu`),
  ...words(`rt_sigaction rt_sigprocmask rt_sigpending rt_sigqueueinfo rt_tgsigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait
    rt_sigtimedwait_time64 sigaltstack sigreturn sigprocmask`),
  ...words(`clock_getres clock_getres_time64 clock_gettime clock_gettime64 clock_nanosleep clock_nanosleep_time64 clock_adjtime clock_adjtime64 adjtimex gettimeofday time
    nanosleep timer_create timer_delete timer_getoverrun timer_gettime timer_gettime64 timer_settime timer_settime64`),
  ...words(`futex futex_time64 futex_waitv futex_wait futex_wake futex_requeue`),
  ...words(`socketpair socketcall bind connect listen accept accept4 getsockname getpeername getsockopt setsockopt shutdown send sendto sendmsg
    sendmmsg recv recvfrom recvmsg recvmmsg recvmmsg_time64`),
  ...words(`semget semop semctl semtimedop semtimedop_time64 shmget shmat shmctl shmdt msgget msgsnd msgrcv msgctl ipc mq_open mq_unlink mq_timedsend
    mq_timedsend_time64 mq_timedreceive mq_timedreceive_time64 mq_notify mq_getsetattr`),
  ...words(`io_setup io_destroy io_submit io_cancel io_getevents io_pgetevents io_pgetevents_time64 getrandom`),
  ...words(
    `landlock_create_ruleset landlock_add_rule landlock_restrict_self lsm_get_self_attr lsm_list_modules uretprobe`,
  ),
  ...words(`process_vm_readv process_vm_writev ptrace cacheflush breakpoint set_tls`),
];

/** What a capability makes allowed. */
const withCapability: Record<string, string[]> = {
  CAP_DAC_READ_SEARCH: ['open_by_handle_at'],
  CAP_SYS_ADMIN:
    words(`bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie mount mount_setattr move_mount open_tree
    perf_event_open quotactl quotactl_fd setdomainname sethostname setns statmount listmount syslog umount umount2 unshare`),
  CAP_SYS_BOOT: ['reboot'],
  CAP_SYS_CHROOT: ['chroot'],
  CAP_SYS_MODULE: ['delete_module', 'init_module', 'finit_module'],
  CAP_SYS_PACCT: ['acct'],
  CAP_SYS_PTRACE: ['kcmp', 'pidfd_getfd', 'process_madvise'],
  CAP_SYS_RAWIO: ['iopl', 'ioperm'],
  CAP_SYS_TIME: ['settimeofday', 'stime', 'clock_settime', 'clock_settime64'],
  CAP_SYS_TTY_CONFIG: ['vhangup'],
  CAP_SYS_NICE: ['get_mempolicy', 'mbind', 'set_mempolicy'],
  CAP_SYSLOG: ['syslog'],
  CAP_BPF: ['bpf'],
  CAP_PERFMON: ['perf_event_open'],
};

/** Linux's numbers for what the rules compare with. */
const socketFamilyVsock = 40;
const newNamespaceFlags = 0x7e020000;
const errorNoSuchCall = 38;
const errorNotPermitted = 1;
/** What personality() may be asked for: to tell, Linux, 32 bits, and both without address randomisation. */
const personalities = [0xffffffff, 0x0, 0x8, 0x20000, 0x20008];

/** The profile for a container with these capabilities (`CAP_...`), on this machine (`process.arch`). */
export function defaultSeccomp(capabilities: readonly string[], arch: string): SeccompProfile {
  const mayUnshare = capabilities.includes('CAP_SYS_ADMIN');
  const allowed = new Set([...always, ...capabilities.flatMap((name) => withCapability[name] ?? [])]);
  const syscalls: SeccompSyscall[] = [
    { names: [...allowed], action: 'SCMP_ACT_ALLOW' },
    {
      names: ['socket'],
      action: 'SCMP_ACT_ALLOW',
      args: [{ index: 0, value: socketFamilyVsock, op: 'SCMP_CMP_NE' }],
    },
    ...personalities.map((value): SeccompSyscall => ({
      names: ['personality'],
      action: 'SCMP_ACT_ALLOW',
      args: [{ index: 0, value, op: 'SCMP_CMP_EQ' }],
    })),
  ];
  if (!mayUnshare) {
    syscalls.push(
      {
        names: ['clone'],
        action: 'SCMP_ACT_ALLOW',
        args: [{ index: 0, value: newNamespaceFlags, valueTwo: 0, op: 'SCMP_CMP_MASKED_EQ' }],
      },
      // Its flags lie in memory, where a filter cannot look; libraries fall back on clone() at this error.
      { names: ['clone3'], action: 'SCMP_ACT_ERRNO', errnoRet: errorNoSuchCall },
    );
  }
  return {
    defaultAction: 'SCMP_ACT_ERRNO',
    defaultErrnoRet: errorNotPermitted,
    architectures:
      arch === 'arm64'
        ? ['SCMP_ARCH_AARCH64', 'SCMP_ARCH_ARM']
        : ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32'],
    syscalls,
  };
}
