/** Quality of service: the class, and what the kernel is told because of it (upstream's `pkg/apis/core/v1/helper/qos`, `pkg/kubelet/qos`). */
import type { Container, Pod } from '#lib/kinds/gen/core-v1.ts';
import { parseQuantity, unitsOf } from '#lib/meta/quantities.ts';

export type QosClass = 'Guaranteed' | 'Burstable' | 'BestEffort';

const counted = ['cpu', 'memory'] as const;

/** The pod's class, by the CPU and memory of all its init and main containers. */
export function qosOf(pod: Pod): QosClass {
  const containers = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])];
  const amounts = containers.flatMap(({ resources }) =>
    counted.map((name) => ({ request: resources?.requests?.[name], limit: resources?.limits?.[name] })),
  );
  const isSet = (amount: number | string | undefined) => amount !== undefined && parseQuantity(amount) > 0n;
  if (!amounts.some(({ request, limit }) => isSet(request) || isSet(limit))) return 'BestEffort';
  const guaranteed = amounts.every(
    ({ request, limit }) => isSet(limit) && (request === undefined || parseQuantity(request) === parseQuantity(limit!)),
  );
  return guaranteed ? 'Guaranteed' : 'Burstable';
}

/** `oom_score_adj` of a container: the more memory it asked for, the later the kernel kills it. */
export function oomScoreAdjOf(pod: Pod, container: Pick<Container, 'resources'>, nodeMemoryBytes: number): number {
  if ((pod.spec.priority ?? 0) >= 2_000_000_000) return -997;
  const qos = qosOf(pod);
  if (qos === 'Guaranteed') return -997;
  if (qos === 'BestEffort') return 1000;
  const requested = container.resources?.requests?.['memory'] ?? container.resources?.limits?.['memory'] ?? 0;
  const score = 1000 - Math.floor((1000 * unitsOf(requested)) / nodeMemoryBytes);
  return Math.min(999, Math.max(3, score));
}
