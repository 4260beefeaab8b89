/** Pods leave a node with a NoExecute taint that they do not tolerate, or not for longer: upstream's taint eviction. */
import type { Action } from '#lib/control/types.ts';
import type { Node, Pod, Taint } from '#lib/kinds/gen/core-v1.ts';
import { pod as podKind } from '#lib/kinds/pod.ts';
import { withCondition } from '#lib/meta/conditions.ts';
import { formatTime, parseTime } from '#lib/meta/time.ts';
import { isFinished } from '../pods.ts';
import { tolerates } from '../tolerations.ts';

export interface Seen {
  node: Node;
  /** Pods bound to the node. */
  pods: Pod[];
  /** When a taint that does not say since when it is there was first seen, in milliseconds since the epoch. */
  seenSince(taint: Taint): number;
  now: number;
}

export function decide({ node, pods, seenSince, now }: Seen): Action[] {
  const taints = (node.spec.taints ?? []).filter(({ effect }) => effect === 'NoExecute');
  if (taints.length === 0) return [];
  const deadlines = pods
    .filter((pod) => pod.metadata.deletionTimestamp === undefined && !isFinished(pod))
    .map((pod) => ({ pod, at: evictionTime(pod, taints, seenSince, now) }));
  const due = deadlines.filter(({ at }) => at <= now).map(({ pod }) => pod);
  const next = Math.min(...deadlines.map(({ at }) => at).filter((at) => at > now));
  return [
    ...due.map((pod) => markDisrupted(pod, now)),
    ...due.map((pod) => evict(pod)),
    ...(next < Infinity ? [{ do: 'wake', afterMs: next - now } as const] : []),
  ];
}

/** When the pod must go; Infinity for one that tolerates all taints for good. */
function evictionTime(pod: Pod, taints: readonly Taint[], seenSince: Seen['seenSince'], now: number): number {
  let earliest = Infinity;
  const arrived = parseTime(pod.metadata.creationTimestamp) ?? now;
  for (const taint of taints) {
    const tolerating = (pod.spec.tolerations ?? []).filter((toleration) => tolerates(toleration, taint));
    if (tolerating.length === 0) return now;
    const since = Math.max(parseTime(taint.timeAdded) ?? seenSince(taint), arrived);
    for (const { tolerationSeconds } of tolerating) {
      if (tolerationSeconds === undefined) continue;
      earliest = Math.min(earliest, tolerationSeconds <= 0 ? now : since + tolerationSeconds * 1000);
    }
  }
  return earliest;
}

/** Says why, before the pod is deleted, so that what replaces it knows that the pod was not at fault. */
function markDisrupted(pod: Pod, now: number): Action {
  const condition = {
    type: 'DisruptionTarget',
    status: 'True',
    reason: 'DeletionByTaintManager',
    message: 'Taint manager: deleting due to NoExecute taint',
  };
  const conditions = withCondition(pod.status?.conditions, condition, formatTime(now));
  const object: Pod = { ...pod, status: { ...pod.status, conditions } };
  return { do: 'status', kind: podKind, object };
}

function evict(pod: Pod): Action {
  const { namespace = '', name, uid } = pod.metadata;
  const done = { reason: 'TaintManagerEviction', message: `Marking for deletion Pod ${namespace}/${name}` };
  return { do: 'delete', kind: podKind, target: { namespace, name }, uid, report: { regarding: pod, done } };
}
