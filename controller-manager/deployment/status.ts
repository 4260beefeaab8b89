/** A Deployment's counts, as the sum of its ReplicaSets'. */
import type { Deployment, DeploymentCondition, DeploymentStatus, ReplicaSet } from '#lib/kinds/gen/apps-v1.ts';
import { conditionOf } from '#lib/meta/conditions.ts';
import { availability, withFinding, without } from './conditions.ts';
import { totalReplicas } from './numbers.ts';

export interface Counted {
  deployment: Deployment;
  old: readonly ReplicaSet[];
  newest: ReplicaSet | undefined;
  conditions: readonly DeploymentCondition[];
  now: number;
}

/** The status now, with the conditions Available and ReplicaFailure; Progressing stays as it is in `conditions`. */
export function statusOf({ deployment, old, newest, conditions, now }: Counted): DeploymentStatus {
  const all = newest ? [...old, newest] : old;
  const sum = (field: 'replicas' | 'readyReplicas' | 'availableReplicas') =>
    all.reduce((total, { status }) => total + (status?.[field] ?? 0), 0);
  const available = sum('availableReplicas');
  const judged = withFinding(conditions, availability(deployment, available), now);
  const { generation } = deployment.metadata;
  const { collisionCount } = deployment.status ?? {};
  return {
    ...(generation !== undefined && { observedGeneration: generation }),
    ...count('replicas', sum('replicas')),
    ...count('updatedReplicas', newest?.status?.replicas ?? 0),
    ...count('readyReplicas', sum('readyReplicas')),
    ...count('availableReplicas', available),
    ...count('unavailableReplicas', Math.max(0, totalReplicas(all) - available)),
    ...(collisionCount !== undefined && { collisionCount }),
    conditions: withFailure(judged, newest, old, now),
  };
}

/** Counts of zero are left out, as upstream's are on the wire. */
function count<K extends string>(field: K, value: number): { [F in K]?: number } {
  return (value > 0 ? { [field]: value } : {}) as { [F in K]?: number };
}

function withFailure(
  conditions: DeploymentCondition[],
  newest: ReplicaSet | undefined,
  old: readonly ReplicaSet[],
  now: number,
): DeploymentCondition[] {
  const failing = [...(newest ? [newest] : []), ...old];
  const failure = failing.map((set) => conditionOf(set.status?.conditions, 'ReplicaFailure')).find(Boolean);
  if (!failure) return without(conditions, 'ReplicaFailure');
  const { type, status, reason, message } = failure;
  return withFinding(conditions, { type, status, reason, message }, now);
}
