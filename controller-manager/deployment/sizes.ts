/** How large each ReplicaSet of a Deployment should be next: pure arithmetic, by upstream's rules. */
import type { Deployment, ReplicaSet } from '#lib/kinds/gen/apps-v1.ts';
import { desiredOf, maxOf } from './annotations.ts';
import {
  activeSets,
  availableOf,
  byCreation,
  isRolling,
  maxSurge,
  maxUnavailable,
  replicasOf,
  totalReplicas,
} from './numbers.ts';

/** A new size for a set, by uid. Sets that are not in it keep theirs. */
export type Sizes = ReadonlyMap<string, number>;

/** The size the newest set may grow to now, given all sets (itself among them when it exists with `current` replicas). */
export function newestSize(deployment: Deployment, all: readonly ReplicaSet[], current: number): number {
  const wanted = replicasOf(deployment);
  if (!isRolling(deployment)) return wanted;
  const room = wanted + maxSurge(deployment) - totalReplicas(all);
  return room <= 0 ? current : current + Math.min(room, wanted - current);
}

/** Shrinks old sets while a rollout goes on: pods that are not available first, then as many as availability allows. */
export function shrinkOld(deployment: Deployment, old: readonly ReplicaSet[], newest: ReplicaSet): Sizes {
  const sizes = new Map<string, number>();
  const oldest = activeSets(old).toSorted(byCreation);
  const all = [...oldest, newest];
  const least = replicasOf(deployment) - maxUnavailable(deployment);
  const newestMissing = replicasOf(newest) - availableOf(newest);
  let removable = totalReplicas(all) - least - newestMissing;
  if (removable <= 0) return sizes;
  for (const set of oldest) {
    const unhealthy = Math.min(removable, replicasOf(set) - availableOf(set));
    if (unhealthy <= 0) continue;
    sizes.set(set.metadata.uid, replicasOf(set) - unhealthy);
    removable -= unhealthy;
  }
  let spare = all.reduce((sum, set) => sum + availableOf(set), 0) - least;
  for (const set of oldest) {
    const size = sizes.get(set.metadata.uid) ?? replicasOf(set);
    const fewer = Math.min(size, spare);
    if (fewer <= 0) continue;
    sizes.set(set.metadata.uid, size - fewer);
    spare -= fewer;
  }
  return sizes;
}

/** Sizes after the Deployment itself was scaled: the only set takes all; several, in a rollout, share the change by their size. */
export function rescale(deployment: Deployment, old: readonly ReplicaSet[], newest: ReplicaSet | undefined): Sizes {
  const wanted = replicasOf(deployment);
  const all = newest ? [...old, newest] : [...old];
  const active = activeSets(all);
  const only =
    active.length === 0 ? (newest ?? old.toSorted(byCreation)[0]) : active.length === 1 ? active[0] : undefined;
  if (only) return new Map([[only.metadata.uid, wanted]]);
  if (active.length === 0) return new Map();
  if (newest && isSaturated(newest, wanted)) return new Map(activeSets(old).map((set) => [set.metadata.uid, 0]));
  return isRolling(deployment) ? shareOut(deployment, active) : new Map();
}

function isSaturated(newest: ReplicaSet, wanted: number): boolean {
  return replicasOf(newest) === wanted && desiredOf(newest) === wanted && availableOf(newest) === wanted;
}

/** Larger sets take more of the change; what rounding leaves over goes to the first. */
function shareOut(deployment: Deployment, active: readonly ReplicaSet[]): Sizes {
  const wanted = replicasOf(deployment);
  const most = wanted > 0 ? wanted + maxSurge(deployment) : 0;
  const change = most - totalReplicas(active);
  const age = change > 0 ? -1 : 1;
  const sorted = active.toSorted((a, b) => replicasOf(b) - replicasOf(a) || age * byCreation(a, b));
  const sizes = new Map<string, number>();
  let shared = 0;
  for (const set of sorted) {
    const share = shareOf(set, deployment, change - shared);
    sizes.set(set.metadata.uid, replicasOf(set) + share);
    shared += share;
  }
  const first = sorted[0]!.metadata.uid;
  sizes.set(first, Math.max(0, sizes.get(first)! + change - shared));
  return sizes;
}

function shareOf(set: ReplicaSet, deployment: Deployment, left: number): number {
  const size = replicasOf(set);
  if (size === 0 || left === 0) return 0;
  const wanted = replicasOf(deployment);
  const before = maxOf(set) || deployment.status?.replicas || size;
  const fraction = wanted === 0 ? -size : Math.round((size * (wanted + maxSurge(deployment))) / before) - size;
  return left > 0 ? Math.min(fraction, left) : Math.max(fraction, left);
}
