/** The process that holds a shared process namespace: process 1 of all the pod's containers, which collects the orphans among them. */
import type { SandboxSpec } from '../types.ts';
import type { UserIds } from '../user-ids.ts';
import type { OciSpec } from './oci-types.ts';
import { userMappings, userNamespace } from './user-namespace.ts';

/** Debian's busybox is linked statically, so one file is a whole root. */
const busybox = '/bin/busybox';

/**
 * The holder runs walled in like any container, with nothing in its root but the one program: a container of the pod that may trace processes can look into it. Its
 * shell waits for ever; a shell's wait collects whichever child has ended.
 */
export function renderPause(
  spec: SandboxSpec,
  pins: string,
  cgroup: string,
  leastOomScoreAdj: number,
  userIds?: UserIds,
): OciSpec {
  return {
    ociVersion: '1.0.0',
    process: {
      terminal: false,
      user: { uid: 65535, gid: 65535, additionalGids: [65535] },
      args: ['/bin/busybox', 'sh', '-c', 'trap exit TERM; while :; do /bin/busybox sleep 2147483647 & wait; done'],
      env: [],
      cwd: '/',
      capabilities: { bounding: [], effective: [], permitted: [], inheritable: [], ambient: [] },
      noNewPrivileges: true,
      oomScoreAdj: Math.max(-998, leastOomScoreAdj),
    },
    root: { path: 'rootfs', readonly: true },
    mounts: [
      { destination: '/bin/busybox', type: 'bind', source: busybox, options: ['bind', 'ro'] },
      // The nodes that crun makes need a place where users of the pod's own may make them.
      ...(userIds
        ? [
            {
              destination: '/dev',
              type: 'tmpfs',
              source: 'tmpfs',
              options: ['nosuid', 'noexec', 'mode=755', 'size=64k'],
            },
          ]
        : []),
      { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'noexec', 'nodev'] },
    ],
    linux: {
      namespaces: [
        { type: 'mount' },
        { type: 'pid' },
        { type: 'uts', path: `${pins}/uts` },
        ...(spec.hostIpc ? [] : [{ type: 'ipc' as const, path: `${pins}/ipc` }]),
        ...(spec.hostNetwork ? [] : [{ type: 'network' as const, path: `${pins}/net` }]),
        ...userNamespace(pins, userIds),
      ],
      ...userMappings(userIds),
      cgroupsPath: cgroup,
      resources: { devices: [{ allow: false, access: 'rwm' }] },
    },
  };
}
