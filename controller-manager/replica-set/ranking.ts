/** Which pod of a set goes first when there are too many: upstream's ActivePodsWithRanks. */
import type { Pod } from '#lib/kinds/gen/core-v1.ts';
import { parseTime } from '#lib/meta/time.ts';
import { isActive, isReady, mostRestarts, readySince } from '../pods.ts';

const phases: Readonly<Record<string, number>> = { Pending: 0, Unknown: 1, Running: 2 };

/**
 * A comparison for sorting: unassigned before assigned, then by phase, readiness, deletion cost, crowded nodes, short readiness,
 * many restarts, youth. Ages count by order of magnitude, so that pods of about one age go in an order that looks random.
 */
export function leastUsefulFirst(related: readonly Pod[], now: number): (a: Pod, b: Pod) => number {
  const neighbours = new Map<string, number>();
  for (const { spec } of related.filter(isActive)) {
    if (spec.nodeName) neighbours.set(spec.nodeName, (neighbours.get(spec.nodeName) ?? 0) + 1);
  }
  const crowd = ({ spec }: Pod) => neighbours.get(spec.nodeName ?? '') ?? 0;
  return (a, b) =>
    Number(Boolean(a.spec.nodeName)) - Number(Boolean(b.spec.nodeName)) ||
    phaseOf(a) - phaseOf(b) ||
    Number(isReady(a)) - Number(isReady(b)) ||
    deletionCost(a) - deletionCost(b) ||
    crowd(b) - crowd(a) ||
    youngerFirst(a, b, readySince, now) ||
    mostRestarts(b) - mostRestarts(a) ||
    youngerFirst(a, b, (pod) => parseTime(pod.metadata.creationTimestamp), now) ||
    byUid(a, b);
}

function phaseOf({ status }: Pod): number {
  return phases[status?.phase ?? 'Pending'] ?? 1;
}

function deletionCost({ metadata }: Pod): number {
  const text = metadata.annotations?.['controller.kubernetes.io/pod-deletion-cost'] ?? '0';
  return /^-?\d+$/.test(text) ? Number(text) : 0;
}

/** The later time first; times of one order of magnitude ago, different as they are, by uid. A missing time is the latest. */
function youngerFirst(a: Pod, b: Pod, timeOf: (pod: Pod) => number | undefined, now: number): number {
  const [left, right] = [timeOf(a), timeOf(b)];
  if (left === right) return 0;
  if (left === undefined || right === undefined) return left === undefined ? -1 : 1;
  return magnitude(now - left) - magnitude(now - right) || byUid(a, b);
}

function magnitude(ageMs: number): number {
  return ageMs <= 0 ? -1 : Math.trunc(Math.log2(ageMs));
}

function byUid(a: Pod, b: Pod): number {
  return a.metadata.uid < b.metadata.uid ? -1 : 1;
}
