/** What the kernel is told about whom to kill first (upstream's `pkg/kubelet/qos`). */
import type { Container, Pod } from '#lib/kinds/gen/core-v1.ts';
import { qosClassOf } from '#lib/kinds/pod-spec/resources.ts';
import { unitsOf } from '#lib/meta/quantities.ts';

/** From here on pods are critical to the node. */
const criticalPriority = 2_000_000_000;

/** `oom_score_adj` of a container: the more memory it asked for, the later the kernel kills it. */
export function oomScoreAdjOf({ spec }: Pod, container: Pick<Container, 'resources'>, nodeMemoryBytes: number): number {
  const qos = qosClassOf(spec);
  if ((spec.priority ?? 0) >= criticalPriority || qos === 'Guaranteed') return -997;
  if (qos === 'BestEffort') return 1000;
  const requested = container.resources?.requests?.['memory'] ?? container.resources?.limits?.['memory'] ?? 0;
  const score = 1000 - Math.floor((1000 * unitsOf(requested)) / nodeMemoryBytes);
  return Math.min(999, Math.max(3, score));
}
