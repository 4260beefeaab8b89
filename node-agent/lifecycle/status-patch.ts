/** The patch that brings a pod's status in the API to what it should be. Pure. */
import type { PodCondition, PodStatus } from '#lib/kinds/gen/core-v1.ts';
import { conditionOf } from '#lib/meta/conditions.ts';
import { equal } from '#lib/meta/equal.ts';

/** Fields the node agent owns besides conditions; what is not among them is left to others. */
const owned = [
  'phase',
  'reason',
  'message',
  'hostIP',
  'hostIPs',
  'podIP',
  'podIPs',
  'startTime',
  'initContainerStatuses',
  'containerStatuses',
  'ephemeralContainerStatuses',
  'qosClass',
  'resize',
] as const satisfies (keyof PodStatus)[];

/** The `status` of a strategic merge patch with only what differs; undefined when nothing does. */
export function statusPatch(before: PodStatus | undefined, after: PodStatus): Record<string, unknown> | undefined {
  const patch: Record<string, unknown> = {};
  for (const field of owned) if (!equal(before?.[field], after[field])) patch[field] = after[field] ?? null;
  for (const field of ['hostIPs', 'podIPs'] as const) {
    // Merged by address, the old addresses would stay.
    if (Array.isArray(patch[field])) patch[field] = [{ $patch: 'replace' }, ...(patch[field] as object[])];
  }
  const conditions = (after.conditions ?? []).filter(
    (condition) => !equal(conditionOf(before?.conditions, condition.type), condition),
  );
  if (conditions.length > 0) {
    patch['conditions'] = conditions.map((condition) => withRemovals(condition, before));
  }
  return Object.keys(patch).length > 0 ? patch : undefined;
}

/** What a container that has not begun waits for, when nothing is wrong. */
const beginnings = new Set(['ContainerCreating', 'PodInitializing']);

/** Whether nothing of the pod has begun, neither before nor now: who watches can hear of it together with what follows. */
export function mayWait(before: PodStatus | undefined, after: PodStatus): boolean {
  return [before ?? {}, after].every(
    ({ phase = 'Pending', initContainerStatuses = [], containerStatuses = [], ephemeralContainerStatuses = [] }) =>
      phase === 'Pending' &&
      [...initContainerStatuses, ...containerStatuses, ...ephemeralContainerStatuses].every(({ state }) =>
        beginnings.has(state?.waiting?.reason ?? ''),
      ),
  );
}

/** A merge keeps what is not named: a reason or message that has gone must be null. */
function withRemovals(condition: PodCondition, before: PodStatus | undefined): Record<string, unknown> {
  const known = conditionOf(before?.conditions, condition.type);
  const result: Record<string, unknown> = { ...condition };
  for (const field of ['reason', 'message'] as const) {
    if (known?.[field] !== undefined && condition[field] === undefined) result[field] = null;
  }
  return result;
}
