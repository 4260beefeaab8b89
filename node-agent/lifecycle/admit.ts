/** Whether the node takes a pod it was given, whoever gave it: the kubelet's own check, for pods that no scheduler has placed. Pure. */
import type { Pod } from '#lib/kinds/gen/core-v1.ts';
import { podRequests } from '#lib/kinds/pod-spec/resources.ts';
import { parseQuantity } from '#lib/meta/quantities.ts';

export interface NodeRoom {
  allocatable: Readonly<Record<string, number | string>>;
  labels: Readonly<Record<string, string>>;
}

/** Why the pod is refused: status.reason and status.message; undefined when it is taken. `others` are the active pods of the node. */
export function refusalOf(
  pod: Pod,
  others: readonly Pod[],
  { allocatable, labels }: NodeRoom,
): { reason: string; message: string } | undefined {
  const refuse = (reason: string, message: string) => ({ reason, message: `Pod was rejected: ${message}` });
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
  return undefined;
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
