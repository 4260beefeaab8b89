/** A Deployment's conditions: how far a rollout is, and upstream's words for it. */
import type { Deployment, DeploymentCondition, DeploymentStatus, ReplicaSet } from '#lib/kinds/gen/apps-v1.ts';
import { conditionOf } from '#lib/meta/conditions.ts';
import { formatTime, parseTime } from '#lib/meta/time.ts';
import { maxUnavailable, replicasOf } from './numbers.ts';

/** A deadline of this many seconds means none. */
const noDeadline = 2_147_483_647;
const progressed = 'NewReplicaSetAvailable';
export const timedOut = 'ProgressDeadlineExceeded';

type Conditions = readonly DeploymentCondition[];
/** A condition before it has its times. */
export type Finding = Omit<DeploymentCondition, 'lastUpdateTime' | 'lastTransitionTime'>;

export function hasDeadline({ spec }: Deployment): boolean {
  return spec.progressDeadlineSeconds !== undefined && spec.progressDeadlineSeconds !== noDeadline;
}

/** The list with `finding` at its end, unless one of its status and reason is there already. */
export function withFinding(conditions: Conditions, finding: Finding, now: number): DeploymentCondition[] {
  const before = conditionOf(conditions, finding.type);
  if (before?.status === finding.status && before.reason === finding.reason) return [...conditions];
  const time = formatTime(now);
  const lastTransitionTime = before?.status === finding.status ? (before.lastTransitionTime ?? time) : time;
  return [...without(conditions, finding.type), { ...finding, lastUpdateTime: time, lastTransitionTime }];
}

export function progressing(status: 'True' | 'False' | 'Unknown', reason: string, message: string): Finding {
  return { type: 'Progressing', status, reason, message };
}

/** Whether enough pods are available. */
export function availability(deployment: Deployment, available: number): Finding {
  const enough = available >= replicasOf(deployment) - maxUnavailable(deployment);
  return enough
    ? {
        type: 'Available',
        status: 'True',
        reason: 'MinimumReplicasAvailable',
        message: 'Deployment has minimum availability.',
      }
    : {
        type: 'Available',
        status: 'False',
        reason: 'MinimumReplicasUnavailable',
        message: 'Deployment does not have minimum availability.',
      };
}

/** Whether every pod is new and available, and nothing old is left. */
export function isComplete({ spec, metadata }: Deployment, status: DeploymentStatus): boolean {
  const wanted = replicasOf({ spec });
  return (
    (status.updatedReplicas ?? 0) === wanted &&
    (status.replicas ?? 0) === wanted &&
    (status.availableReplicas ?? 0) === wanted &&
    (status.observedGeneration ?? 0) >= (metadata.generation ?? 0)
  );
}

/** The conditions after a look at the rollout: complete, moving, or stuck beyond its deadline. */
export function rolloutConditions(
  deployment: Deployment,
  status: DeploymentStatus,
  newest: ReplicaSet | undefined,
  now: number,
): DeploymentCondition[] {
  const conditions = status.conditions ?? [];
  if (!hasDeadline(deployment)) return without(conditions, 'Progressing');
  const current = conditionOf(deployment.status?.conditions, 'Progressing');
  if (status.replicas === status.updatedReplicas && current?.reason === progressed) return [...conditions];
  const subject = newest ? `ReplicaSet "${newest.metadata.name}"` : `Deployment "${deployment.metadata.name}"`;
  if (isComplete(deployment, status)) {
    return withFinding(conditions, progressing('True', progressed, `${subject} has successfully progressed.`), now);
  }
  if (movedOn(deployment.status ?? {}, status)) {
    const finding = progressing('True', 'ReplicaSetUpdated', `${subject} is progressing.`);
    const time = formatTime(now);
    const since = current?.status === 'True' ? (current.lastTransitionTime ?? time) : time;
    const condition = { ...finding, lastUpdateTime: time, lastTransitionTime: since };
    return [...without(conditions, 'Progressing'), condition];
  }
  if (isTimedOut(deployment, conditions, now)) {
    return withFinding(conditions, progressing('False', timedOut, `${subject} has timed out progressing.`), now);
  }
  return [...conditions];
}

/** Milliseconds until a rollout that does not move is called stuck; undefined when that cannot happen. */
export function untilTimedOut(deployment: Deployment, status: DeploymentStatus, now: number): number | undefined {
  const current = conditionOf(status.conditions, 'Progressing');
  if (!hasDeadline(deployment) || !current || isComplete(deployment, status) || current.reason === timedOut) return;
  const from = parseTime(current.lastUpdateTime) ?? now;
  // The times are in whole seconds, so a second more makes sure that the next look finds it overdue.
  return Math.max(0, from + deployment.spec.progressDeadlineSeconds! * 1000 - now) + 1000;
}

export function without(conditions: Conditions, type: string): DeploymentCondition[] {
  return conditions.filter((condition) => condition.type !== type);
}

function movedOn(before: DeploymentStatus, after: DeploymentStatus): boolean {
  const old = ({ replicas = 0, updatedReplicas = 0 }: DeploymentStatus) => replicas - updatedReplicas;
  return (
    (after.updatedReplicas ?? 0) > (before.updatedReplicas ?? 0) ||
    old(after) < old(before) ||
    (after.readyReplicas ?? 0) > (before.readyReplicas ?? 0) ||
    (after.availableReplicas ?? 0) > (before.availableReplicas ?? 0)
  );
}

function isTimedOut({ spec }: Deployment, conditions: Conditions, now: number): boolean {
  const current = conditionOf(conditions, 'Progressing');
  if (!current || current.reason === progressed) return false;
  if (current.reason === timedOut) return true;
  return (parseTime(current.lastUpdateTime) ?? now) + spec.progressDeadlineSeconds! * 1000 < now;
}
