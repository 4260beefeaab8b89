/** Whether the node takes a pod it was given, whoever gave it: the kubelet's own check, for pods that no scheduler has placed. Pure. */
import type { Pod } from '#lib/kinds/gen/core-v1.ts';
import { podRequests } from '#lib/kinds/pod-spec/resources.ts';
import { parseQuantity } from '#lib/meta/quantities.ts';
import { containersOf } from './containers.ts';

export interface NodeRoom {
  allocatable: Readonly<Record<string, number | string>>;
  labels: Readonly<Record<string, string>>;
  /** Kernel settings that pods may have besides the safe ones; beginnings of names have `*` after them. */
  allowedSysctls?: readonly string[];
  /** Whether guaranteed pods may have processors for themselves. */
  pinsCpus?: boolean;
}

/** Kernel settings that concern nobody outside the pod; a node allows others only when told so (`pkg/kubelet/sysctl/safe_sysctls.go`). */
const safeSysctls = new Set([
  'kernel.shm_rmid_forced',
  'net.ipv4.ip_local_port_range',
  'net.ipv4.ip_local_reserved_ports',
  'net.ipv4.ip_unprivileged_port_start',
  'net.ipv4.ping_group_range',
  'net.ipv4.tcp_fin_timeout',
  'net.ipv4.tcp_keepalive_intvl',
  'net.ipv4.tcp_keepalive_probes',
  'net.ipv4.tcp_keepalive_time',
  'net.ipv4.tcp_rmem',
  'net.ipv4.tcp_syncookies',
  'net.ipv4.tcp_wmem',
]);

/** Why the pod is refused, in upstream's words; undefined when it is taken. `others` are the active pods of the node. */
export function refusalOf(
  pod: Pod,
  others: readonly Pod[],
  { allocatable, labels, allowedSysctls = [] }: NodeRoom,
): { reason: string; message: string } | undefined {
  const refuse = (reason: string, message: string) => ({ reason, message });
  const sysctl = forbiddenSysctl(pod, allowedSysctls);
  if (sysctl) return refuse('SysctlForbidden', `forbidden sysctl: ${sysctl}`);
  const selector = Object.entries(pod.spec.nodeSelector ?? {});
  if (!selector.every(([key, value]) => labels[key] === value)) {
    return refuse('NodeAffinity', "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector");
  }
  const wanted = hostPorts(pod);
  if (others.some((other) => hostPorts(other).some((port) => wanted.includes(port)))) {
    return refuse(
      'NodePorts',
      "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports",
    );
  }
  const most = Number(allocatable['pods'] ?? Infinity);
  if (others.length + 1 > most) {
    return refuse('OutOfpods', shortage('pods', 1, others.length, most));
  }
  for (const [name, asked] of podRequests(pod.spec)) {
    const room = allocatable[name];
    // Of a resource it does not have itself the node says nothing: whoever gave it to the node counts it.
    if (asked === 0n || room === undefined) continue;
    const capacity = parseQuantity(room);
    const used = others.reduce((sum, other) => sum + (podRequests(other.spec).get(name) ?? 0n), 0n);
    if (used + asked > capacity) {
      const unit = name === 'cpu' ? 1_000_000n : 1_000_000_000n;
      const [a, b, c] = [asked, used, capacity].map((amount) => Number(amount / unit)) as [number, number, number];
      return refuse(`OutOf${name}`, shortage(name, a, b, c));
    }
  }
  // No runtime of this node puts profiles on.
  if (wantsAppArmor(pod)) return refuse('AppArmor', 'Cannot enforce AppArmor: AppArmor is not enabled on the host');
  return undefined;
}

function forbiddenSysctl({ spec }: Pod, allowed: readonly string[]): string | undefined {
  const isAllowed = (name: string) =>
    safeSysctls.has(name) ||
    allowed.some((own) => own === name || (own.endsWith('*') && name.startsWith(own.slice(0, -1))));
  for (const { name } of spec.securityContext?.sysctls ?? []) {
    const normal = /^[^./]*\//.test(name) ? name.replaceAll('/', '.') : name;
    if (!isAllowed(normal)) return `"${name}" not allowlisted`;
    if (normal.startsWith('net.') && spec.hostNetwork) return `"${name}" not allowed with host net enabled`;
    if (normal.startsWith('kernel.') && spec.hostIPC) return `"${name}" not allowed with host ipc enabled`;
  }
  return undefined;
}

function wantsAppArmor(pod: Pod): boolean {
  const ofPod = pod.spec.securityContext?.appArmorProfile;
  return containersOf(pod).some(({ spec }) => {
    const profile = spec.securityContext?.appArmorProfile ?? ofPod;
    return profile !== undefined && profile.type !== 'Unconfined';
  });
}

function shortage(name: string, requested: number, used: number, capacity: number): string {
  return `Node didn't have enough resource: ${name}, requested: ${requested}, used: ${used}, capacity: ${capacity}`;
}

/** `ip/protocol/port` of each host port; one without an address is on all of them. */
function hostPorts({ spec }: Pod): string[] {
  return spec.containers
    .flatMap((container) => container.ports ?? [])
    .filter(({ hostPort = 0 }) => hostPort > 0)
    .map(({ hostPort, protocol = 'TCP', hostIP = '' }) => `${hostIP}/${protocol}/${hostPort}`);
}
