/** Kernel settings of a pod's own namespaces. */
import type { SandboxSpec } from '../types.ts';
import type { UserIds } from '../user-ids.ts';

/** Every pod with a network of its own may listen on low ports and ping without privileges, as in containerd. */
const networkDefaults = {
  'net.ipv4.ip_unprivileged_port_start': '0',
  'net.ipv4.ping_group_range': '0 2147483647',
};

/** The one setting that speaks of groups. */
const pingGroups = 'net/ipv4/ping_group_range';

/** `path=value` lines below /proc/sys, for the node to write. Throws for a setting that would be the node's, not the pod's. */
export function settingsOf(
  spec: Pick<SandboxSpec, 'sysctls' | 'hostNetwork' | 'hostIpc'>,
  userIds?: UserIds,
): string[] {
  const ofNetwork = userIds
    ? { ...networkDefaults, 'net.ipv4.ping_group_range': `0 ${userIds.count - 1}` }
    : networkDefaults;
  const wanted = { ...(!spec.hostNetwork && ofNetwork), ...spec.sysctls };
  return Object.entries(wanted).map(([name, value]) => {
    const path = pathOf(name);
    const own = isOfNetwork(path) ? !spec.hostNetwork : isOfIpc(path) && !spec.hostIpc;
    if (!own || !/^[\w./-]+$/.test(name) || path.includes('..') || /\n/.test(value))
      throw new Error(`Cannot set up the pod sandbox: sysctl "${name}" is not in a separate kernel namespace`);
    return `${path}=${userIds && path === pingGroups ? onNode(value, userIds) : value}`;
  });
}

/** Groups of the pod as the node counts them; those that the pod does not have stay as they are, for the kernel to refuse or not. */
function onNode(range: string, { first, count }: UserIds): string {
  return range.replaceAll(/\d+/g, (id) => String(Number(id) < count ? Number(id) + first : id));
}

/** As sysctl(8) reads names: whichever of `.` and `/` comes first is the separator, and the other stands for itself. */
function pathOf(name: string): string {
  const first = /[./]/.exec(name)?.[0];
  return first === '.' ? name.replace(/[./]/g, (mark) => (mark === '.' ? '/' : '.')) : name;
}

function isOfNetwork(path: string): boolean {
  return path.startsWith('net/');
}

function isOfIpc(path: string): boolean {
  return path.startsWith('fs/mqueue/') || /^kernel\/(sem|msg(max|mnb|mni)|shm(all|max|mni|_rmid_forced))$/.test(path);
}
