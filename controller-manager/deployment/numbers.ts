/** How many pods a Deployment may have at most and must have at least while it changes. */
import type { Deployment, ReplicaSet } from '#lib/kinds/gen/apps-v1.ts';
import { scaledValue } from '#lib/meta/int-or-percent.ts';

export function replicasOf({ spec }: { spec: { replicas?: number | undefined } }): number {
  return spec.replicas ?? 1;
}

export function availableOf({ status }: ReplicaSet): number {
  return status?.availableReplicas ?? 0;
}

/** Replicas asked of all these sets together. */
export function totalReplicas(sets: readonly ReplicaSet[]): number {
  return sets.reduce((sum, set) => sum + replicasOf(set), 0);
}

export function isRolling({ spec }: Deployment): boolean {
  return spec.strategy?.type !== 'Recreate';
}

/** Pods allowed beyond the wanted number. */
export function maxSurge(deployment: Deployment): number {
  return isRolling(deployment) ? limits(deployment).surge : 0;
}

/** Pods that may be missing, never more than there are. */
export function maxUnavailable(deployment: Deployment): number {
  if (!isRolling(deployment)) return 0;
  return Math.min(limits(deployment).unavailable, replicasOf(deployment));
}

/** Shares round up for the surge and down for what may be missing; with both at zero nothing could move, so one may be missing. */
function limits(deployment: Deployment): { surge: number; unavailable: number } {
  const rolling = deployment.spec.strategy?.rollingUpdate;
  const total = replicasOf(deployment);
  const surge = scaledValue(rolling?.maxSurge ?? '25%', total, 'up');
  const unavailable = scaledValue(rolling?.maxUnavailable ?? '25%', total, 'down');
  return { surge, unavailable: surge === 0 && unavailable === 0 ? 1 : unavailable };
}

/** Sets that ask for pods. */
export function activeSets(sets: readonly ReplicaSet[]): ReplicaSet[] {
  return sets.filter((set) => replicasOf(set) > 0);
}

export function byCreation(a: ReplicaSet, b: ReplicaSet): number {
  const [left, right] = [a.metadata.creationTimestamp, b.metadata.creationTimestamp];
  if (left !== right) return left < right ? -1 : 1;
  return a.metadata.name < b.metadata.name ? -1 : 1;
}
