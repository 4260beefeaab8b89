/** Pods that nobody else will remove: finished ones in great number, those of nodes that are gone, and going ones without a node. */
import type { Action } from '#lib/control/types.ts';
import type { Node, Pod } from '#lib/kinds/gen/core-v1.ts';
import { pod as podKind } from '#lib/kinds/pod.ts';
import { isTrue, withCondition } from '#lib/meta/conditions.ts';
import { formatTime } from '#lib/meta/time.ts';
import { isFinished } from '../pods.ts';

export interface Seen {
  pods: Pod[];
  /** Nodes by name, as far as there are any. */
  nodeOf(name: string): Node | undefined;
  /** Names of nodes that the API server has denied for longer than the quarantine. */
  lostNodes: ReadonlySet<string>;
  /** Finished pods beyond this many are removed. */
  finishedLimit: number;
  checkMs: number;
  now: number;
}

const outOfService = 'node.kubernetes.io/out-of-service';

export function decide(seen: Seen): Action[] {
  const { pods, finishedLimit, checkMs, now } = seen;
  const finished = pods.filter(isFinished).toSorted(oldestFirst);
  const surplus = finished.slice(0, Math.max(0, finished.length - finishedLimit));
  const chosen = new Map<Pod, string | undefined>(surplus.map((pod) => [pod, undefined]));
  for (const pod of pods) {
    const reason = reasonToGo(pod, seen);
    if (reason !== undefined) chosen.set(pod, reason);
  }
  const entries = [...chosen];
  return [
    ...entries.flatMap(([pod, reason]) => markFailed(pod, reason, now)),
    ...entries.map(([pod]) => remove(pod)),
    { do: 'wake', afterMs: checkMs },
  ];
}

/** Why the pod goes, '' when that needs no telling, undefined when it stays. */
function reasonToGo({ metadata, spec }: Pod, { nodeOf, lostNodes }: Seen): string | undefined {
  const { nodeName } = spec;
  const going = metadata.deletionTimestamp !== undefined;
  if (!nodeName) return going ? '' : undefined;
  if (lostNodes.has(nodeName)) return 'PodGC: node no longer exists';
  if (!going) return undefined;
  const node = nodeOf(nodeName);
  const out =
    node && !isTrue(node.status?.conditions, 'Ready') && node.spec.taints?.some(({ key }) => key === outOfService);
  return out ? 'PodGC: node is out of service' : undefined;
}

function markFailed(pod: Pod, message: string | undefined, now: number): Action[] {
  if (isFinished(pod) || message === undefined) return [];
  const condition = { type: 'DisruptionTarget', status: 'True', reason: 'DeletionByPodGC', message };
  const conditions = message
    ? withCondition(pod.status?.conditions, condition, formatTime(now))
    : pod.status?.conditions;
  const object: Pod = { ...pod, status: { ...pod.status, phase: 'Failed', conditions } };
  return [{ do: 'status', kind: podKind, object }];
}

function remove({ metadata }: Pod): Action {
  const { namespace = '', name, uid } = metadata;
  return { do: 'delete', kind: podKind, target: { namespace, name }, uid, gracePeriodSeconds: 0 };
}

function oldestFirst(a: Pod, b: Pod): number {
  const evicted = (pod: Pod) => Number(pod.status?.reason !== 'Evicted');
  return evicted(a) - evicted(b) || (a.metadata.creationTimestamp < b.metadata.creationTimestamp ? -1 : 1);
}
