/** What a node's silence means: its conditions become Unknown, its pods unready, and taints follow the conditions. */
import type { Action } from '#lib/control/types.ts';
import type { Node, NodeCondition, Pod, Taint } from '#lib/kinds/gen/core-v1.ts';
import { node as nodeKind } from '#lib/kinds/node.ts';
import { pod as podKind } from '#lib/kinds/pod.ts';
import { conditionOf, isTrue } from '#lib/meta/conditions.ts';
import { formatTime } from '#lib/meta/time.ts';
import type { Disruption } from './disruption.ts';

export interface Seen {
  node: Node;
  /** Pods bound to the node. */
  pods: Pod[];
  /** Since the node was last heard of, on our own clock. */
  silentMs: number;
  graceMs: number;
  /** How often to look at a node that is not ready: whether it is evicted depends on the others, too. */
  checkMs: number;
  disruption: Disruption;
  now: number;
}

const notReadyTaint = 'node.kubernetes.io/not-ready';
const unreachableTaint = 'node.kubernetes.io/unreachable';

/** Taint key -> the condition, and its status, that brings the NoSchedule taint about. */
const conditionTaints = [
  [notReadyTaint, 'Ready', 'False'],
  [unreachableTaint, 'Ready', 'Unknown'],
  ['node.kubernetes.io/memory-pressure', 'MemoryPressure', 'True'],
  ['node.kubernetes.io/disk-pressure', 'DiskPressure', 'True'],
  ['node.kubernetes.io/pid-pressure', 'PIDPressure', 'True'],
  ['node.kubernetes.io/network-unavailable', 'NetworkUnavailable', 'True'],
] as const;
const unschedulableTaint = 'node.kubernetes.io/unschedulable';

/** What the node's own agent reports; nobody else knows when it is silent. */
const reported = ['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure'];

export function decide(seen: Seen): Action[] {
  const { node, silentMs, graceMs, checkMs } = seen;
  const silent = silentMs >= graceMs;
  const conditions = silent ? unknownConditions(seen) : (node.status?.conditions ?? []);
  const actions = silent ? silence(seen, conditions) : [];
  actions.push(...taintNode(seen, conditions));
  const steady = !silent && isTrue(conditions, 'Ready');
  actions.push({ do: 'wake', afterMs: steady ? graceMs - silentMs : checkMs });
  return actions;
}

function silence({ node, pods, now }: Seen, conditions: NodeCondition[]): Action[] {
  const actions: Action[] = [];
  const before = node.status?.conditions;
  if (conditions.some((condition) => conditionOf(before, condition.type) !== condition)) {
    const object: Node = { ...node, status: { ...node.status, conditions } };
    actions.push({ do: 'status', kind: nodeKind, object });
  }
  if (isTrue(before, 'Ready')) {
    const message = `Node ${node.metadata.name} status is now: NodeNotReady`;
    actions.push({ do: 'event', regarding: node, type: 'Normal', reason: 'NodeNotReady', message });
  }
  const ready = pods.filter(({ status }) => isTrue(status?.conditions, 'Ready'));
  actions.push(...ready.map((pod) => markUnready(pod, now)));
  actions.push(...ready.map((pod): Action => ({ ...podEvent, regarding: pod })));
  return actions;
}

const podEvent = { do: 'event', type: 'Warning', reason: 'NodeNotReady', message: 'Node is not ready' } as const;

function unknownConditions({ node, now }: Seen): NodeCondition[] {
  const time = formatTime(now);
  const conditions = (node.status?.conditions ?? []).map((condition) => {
    if (!reported.includes(condition.type) || condition.status === 'Unknown') return condition;
    const message = 'Kubelet stopped posting node status.';
    return { ...condition, status: 'Unknown', reason: 'NodeStatusUnknown', message, lastTransitionTime: time };
  });
  const missing = reported.filter((type) => !conditionOf(conditions, type));
  const never = missing.map((type) => ({
    type,
    status: 'Unknown',
    reason: 'NodeStatusNeverUpdated',
    message: 'Kubelet never posted node status.',
    lastHeartbeatTime: node.metadata.creationTimestamp,
    lastTransitionTime: time,
  }));
  return [...conditions, ...never];
}

function markUnready(pod: Pod, now: number): Action {
  const conditions = pod.status!.conditions!.map((condition) =>
    condition.type === 'Ready' ? { ...condition, status: 'False', lastTransitionTime: formatTime(now) } : condition,
  );
  const object: Pod = { ...pod, status: { ...pod.status, conditions } };
  return { do: 'status', kind: podKind, object };
}

function taintNode(seen: Seen, conditions: readonly NodeCondition[]): Action[] {
  const { node } = seen;
  const before = node.spec.taints ?? [];
  const wanted = wantedTaints(seen, conditions);
  const kept = before.filter((taint) => !isOurs(taint) || wanted.some((each) => isSame(each, taint)));
  const added = wanted.filter((taint) => !before.some((each) => isSame(each, taint)));
  if (added.length === 0 && kept.length === before.length) return [];
  const timed = added.map((taint) => ({ ...taint, timeAdded: formatTime(seen.now) }));
  const object: Node = { ...node, spec: { ...node.spec, taints: [...kept, ...timed] } };
  return [{ do: 'update', kind: nodeKind, object }];
}

function wantedTaints({ node, disruption }: Seen, conditions: readonly NodeCondition[]): Taint[] {
  const wanted: Taint[] = conditionTaints
    .filter(([, type, status]) => conditionOf(conditions, type)?.status === status)
    .map(([key]) => ({ key, effect: 'NoSchedule' }));
  if (node.spec.unschedulable) wanted.push({ key: unschedulableTaint, effect: 'NoSchedule' });
  const evicting = wanted.find(({ key }) => key === notReadyTaint || key === unreachableTaint);
  const already = node.spec.taints?.some(({ key, effect }) => key === evicting?.key && effect === 'NoExecute');
  // When everything looks dead it is more likely that we are cut off: then nothing is evicted.
  const evicts = disruption === 'none' || (disruption === 'partial' && already);
  return evicting && evicts ? [...wanted, { ...evicting, effect: 'NoExecute' }] : wanted;
}

function isOurs({ key, effect }: Taint): boolean {
  if (key === unschedulableTaint) return effect === 'NoSchedule';
  const known = conditionTaints.some(([taint]) => taint === key);
  const evicts = key === notReadyTaint || key === unreachableTaint;
  return known && (effect === 'NoSchedule' || (effect === 'NoExecute' && evicts));
}

function isSame(a: Taint, b: Taint): boolean {
  return a.key === b.key && a.effect === b.effect;
}
