/** What moves a Deployment's pods from one template to the next. One look makes one step; each step wakes the next. */
import type { Action, Failure } from '#lib/control/types.ts';
import { deployment as deploymentKind } from '#lib/kinds/deployment.ts';
import type { Deployment, DeploymentCondition, DeploymentStatus, ReplicaSet } from '#lib/kinds/gen/apps-v1.ts';
import type { Pod } from '#lib/kinds/gen/core-v1.ts';
import { replicaSet } from '#lib/kinds/replica-set.ts';
import { conditionOf } from '#lib/meta/conditions.ts';
import { equal } from '#lib/meta/equal.ts';
import { fromLabelSelector } from '#lib/meta/selectors.ts';
import { claim } from '../claim.ts';
import { isFinished } from '../pods.ts';
import {
  desiredOf,
  highestRevision,
  newestAnnotations,
  revisionKey,
  revisionOf,
  sizes as sizeNotes,
} from './annotations.ts';
import {
  hasDeadline,
  isComplete,
  progressing,
  rolloutConditions,
  timedOut,
  untilTimedOut,
  withFinding,
} from './conditions.ts';
import { draftNewest, findNewest, newestName } from './newest.ts';
import { activeSets, byCreation, isRolling, replicasOf } from './numbers.ts';
import { newestSize, rescale, shrinkOld } from './sizes.ts';
import type { Sizes } from './sizes.ts';
import { statusOf } from './status.ts';

export interface Seen {
  deployment: Deployment;
  /** Sets that it controls, and those of its namespace without a controller. */
  candidates: ReplicaSet[];
  /** Whether a set of this name exists, whoever owns it. */
  isTaken(name: string): boolean;
  /** Pods of these sets that are still there, going ones among them. */
  podsOf(sets: readonly ReplicaSet[]): Pod[];
  now: number;
}

/** What the steps work on: the sets sorted into old and newest, and conditions as they will be written. */
interface Rollout extends Seen {
  old: ReplicaSet[];
  newest: ReplicaSet | undefined;
  conditions: readonly DeploymentCondition[];
}

export function decide(seen: Seen): Action[] {
  const { deployment, candidates } = seen;
  const { spec, metadata } = deployment;
  const selector = fromLabelSelector(spec.selector) ?? [];
  if (selector.length === 0) return refuseEmptySelector(deployment);
  const { owned, actions } = claim(deployment, selector, replicaSet, candidates);
  const newest = findNewest(deployment, owned);
  const old = owned.filter((set) => set !== newest);
  const conditions = pauseConditions(seen);
  const rollout: Rollout = { ...seen, old, newest, conditions };
  if (metadata.deletionTimestamp !== undefined) return [...actions, ...plainStatus(rollout)];
  return [...actions, ...step(rollout)];
}

/** The status when the new set could not be created. */
export function failed({ deployment, now }: Seen, failures: readonly Failure[]): Action[] {
  const failure = failures.find(({ action }) => action.do === 'create');
  if (!failure || !hasDeadline(deployment)) return [];
  const message = `Failed to create new replica set "${newestName(deployment)}": ${failure.error.message}`;
  const finding = progressing('False', 'ReplicaSetCreateError', message);
  const conditions = withFinding(deployment.status?.conditions ?? [], finding, now);
  return writeStatus(deployment, { ...deployment.status, conditions });
}

function step(rollout: Rollout): Action[] {
  const { deployment, old, newest } = rollout;
  const refresh = refreshNewest(rollout);
  if (refresh.length > 0) return refresh;
  const all = newest ? [...old, newest] : old;
  if (deployment.spec.paused) {
    return [...resize(rollout, rescale(deployment, old, newest)), ...forgetOldest(rollout), ...plainStatus(rollout)];
  }
  if (activeSets(all).some((set) => desiredOf(set) !== undefined && desiredOf(set) !== replicasOf(deployment))) {
    const sizes = rescale(deployment, old, newest);
    return [...resize(rollout, sizes, activeSets(all)), ...plainStatus(rollout)];
  }
  return isRolling(deployment) ? roll(rollout) : recreate(rollout);
}

/** Grows the newest set, then shrinks the old ones; never both in one step, so that each sees what the other brought about. */
function roll(rollout: Rollout): Action[] {
  const { deployment, old, newest } = rollout;
  if (!newest) return createNewest(rollout);
  const current = replicasOf(newest);
  const wanted = replicasOf(deployment);
  const target = current > wanted ? wanted : newestSize(deployment, [...old, newest], current);
  if (target !== current) {
    return [...resize(rollout, new Map([[newest.metadata.uid, target]])), ...rolloutStatus(rollout)];
  }
  const shrunk = resize(rollout, shrinkOld(deployment, old, newest));
  return [...shrunk, ...finish(rollout, shrunk.length === 0)];
}

/** Removes every old pod before the first new one. */
function recreate(rollout: Rollout): Action[] {
  const { deployment, old, newest, podsOf } = rollout;
  const active = activeSets(old);
  if (active.length > 0) {
    const sizes = new Map(active.map((set) => [set.metadata.uid, 0]));
    return [...resize(rollout, sizes), ...rolloutStatus(rollout)];
  }
  if (podsOf(old).some((pod) => !isFinished(pod))) return [...rolloutStatus(rollout)];
  if (!newest) return createNewest(rollout);
  const grown = resize(rollout, new Map([[newest.metadata.uid, replicasOf(deployment)]]));
  return [...grown, ...finish(rollout, grown.length === 0)];
}

function finish(rollout: Rollout, settled: boolean): Action[] {
  const { deployment } = rollout;
  const complete = settled && isComplete(deployment, deployment.status ?? {});
  return [...(complete ? forgetOldest(rollout) : []), ...rolloutStatus(rollout)];
}

/** Creates the set of a new template. One of its name that is not ours raises collisionCount, and so changes the name. */
function createNewest(rollout: Rollout): Action[] {
  const { deployment, old, isTaken, now } = rollout;
  const name = newestName(deployment);
  if (isTaken(name)) {
    const collisionCount = (deployment.status?.collisionCount ?? 0) + 1;
    return writeStatus(deployment, { ...deployment.status, collisionCount });
  }
  const replicas = newestSize(deployment, old, 0);
  const revision = highestRevision(old) + 1;
  const message = `Scaled up replica set {name} from 0 to ${replicas}`;
  const report = { regarding: deployment, done: { reason: 'ScalingReplicaSet', message } };
  const created = progressing('True', 'NewReplicaSetCreated', `Created new replica set "${name}"`);
  const conditions = hasDeadline(deployment) ? withFinding(rollout.conditions, created, now) : rollout.conditions;
  return [
    {
      do: 'create',
      kind: replicaSet,
      object: draftNewest(deployment, replicas, revision),
      ...(replicas > 0 && { report }),
    },
    ...writeStatus(deployment, statusOf({ ...rollout, conditions })),
  ];
}

/**
 * Keeps annotations and minReadySeconds of the newest set, and the Deployment's own revision, as they should be. A step of its own:
 * no other write of the same turn starts from the objects as they were.
 */
function refreshNewest({ deployment, old, newest }: Rollout): Action[] {
  if (!newest) return [];
  const revision = Math.max(highestRevision(old) + 1, revisionOf(newest));
  const annotations = newestAnnotations(deployment, newest, revision);
  const minReadySeconds = deployment.spec.minReadySeconds ?? 0;
  const same =
    equal(annotations, newest.metadata.annotations) && (newest.spec.minReadySeconds ?? 0) === minReadySeconds;
  if (same) return noteRevision(deployment, annotations[revisionKey]);
  const metadata = { ...newest.metadata, annotations };
  const object = { ...newest, metadata, spec: { ...newest.spec, minReadySeconds } };
  return [{ do: 'update', kind: replicaSet, object }, ...noteRevision(deployment, annotations[revisionKey])];
}

function noteRevision(deployment: Deployment, revision: string | undefined): Action[] {
  const { metadata } = deployment;
  if (revision === undefined || metadata.annotations?.[revisionKey] === revision) return [];
  const annotations = { ...metadata.annotations, [revisionKey]: revision };
  return [{ do: 'status', kind: deploymentKind, object: { ...deployment, metadata: { ...metadata, annotations } } }];
}

/** Writes new sizes, with the notes that later scaling goes by; `noted` are sets that get the notes even if they keep their size. */
function resize({ deployment, old, newest }: Rollout, sizes: Sizes, noted: readonly ReplicaSet[] = []): Action[] {
  const all = newest ? [...old, newest] : old;
  return all.flatMap((set): Action[] => {
    const before = replicasOf(set);
    const after = sizes.get(set.metadata.uid) ?? before;
    if (after === before && !noted.includes(set) && !sizes.has(set.metadata.uid)) return [];
    const annotations = { ...set.metadata.annotations, ...sizeNotes(deployment) };
    if (after === before && equal(annotations, set.metadata.annotations)) return [];
    const message = `Scaled ${after > before ? 'up' : 'down'} replica set ${set.metadata.name} from ${before} to ${after}`;
    const report = { regarding: deployment, done: { reason: 'ScalingReplicaSet', message } };
    const object = { ...set, metadata: { ...set.metadata, annotations }, spec: { ...set.spec, replicas: after } };
    return [{ do: 'update', kind: replicaSet, object, ...(after !== before && { report }) }];
  });
}

/** Deletes the oldest empty sets beyond the history limit. */
function forgetOldest({ deployment, old }: Rollout): Action[] {
  const limit = deployment.spec.revisionHistoryLimit;
  if (limit === undefined) return [];
  const kept = old.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  const oldestFirst = kept.toSorted((a, b) => revisionOf(a) - revisionOf(b) || byCreation(a, b));
  return oldestFirst
    .slice(0, Math.max(0, kept.length - limit))
    .filter(isIdle)
    .map(({ metadata }) => ({
      do: 'delete',
      kind: replicaSet,
      target: { namespace: metadata.namespace!, name: metadata.name },
      uid: metadata.uid,
      resourceVersion: metadata.resourceVersion,
      propagationPolicy: 'Background',
    }));
}

function isIdle(set: ReplicaSet): boolean {
  const observed = (set.status?.observedGeneration ?? 0) >= (set.metadata.generation ?? 0);
  return (set.status?.replicas ?? 0) === 0 && replicasOf(set) === 0 && observed;
}

function pauseConditions({ deployment, now }: Seen): readonly DeploymentCondition[] {
  const conditions = deployment.status?.conditions ?? [];
  const current = conditionOf(conditions, 'Progressing');
  if (!hasDeadline(deployment) || current?.reason === timedOut) return conditions;
  const noted = current?.reason === 'DeploymentPaused';
  if (deployment.spec.paused && !noted)
    return withFinding(conditions, progressing('Unknown', 'DeploymentPaused', 'Deployment is paused'), now);
  if (!deployment.spec.paused && noted)
    return withFinding(conditions, progressing('Unknown', 'DeploymentResumed', 'Deployment is resumed'), now);
  return conditions;
}

function rolloutStatus(rollout: Rollout): Action[] {
  const { deployment, newest, now } = rollout;
  const found = withFound(rollout);
  const counted = statusOf({ ...rollout, conditions: found });
  const conditions = rolloutConditions(deployment, counted, newest, now);
  const status = { ...counted, conditions };
  const wait = untilTimedOut(deployment, status, now);
  return [...writeStatus(deployment, status), ...(wait === undefined ? [] : [{ do: 'wake', afterMs: wait } as const])];
}

/** A rollback, or a Deployment over sets that were there before it, finds its newest set. */
function withFound({ deployment, newest, conditions, now }: Rollout): readonly DeploymentCondition[] {
  if (!newest || !hasDeadline(deployment) || conditionOf(conditions, 'Progressing')) return conditions;
  const found = progressing('True', 'FoundNewReplicaSet', `Found new replica set "${newest.metadata.name}"`);
  return withFinding(conditions, found, now);
}

function plainStatus(rollout: Rollout): Action[] {
  return writeStatus(rollout.deployment, statusOf(rollout));
}

function writeStatus(deployment: Deployment, status: DeploymentStatus): Action[] {
  if (equal(status, deployment.status)) return [];
  return [{ do: 'status', kind: deploymentKind, object: { ...deployment, status } as Deployment }];
}

function refuseEmptySelector(deployment: Deployment): Action[] {
  const message = 'This deployment is selecting all pods. A non-empty selector is required.';
  const observedGeneration = deployment.metadata.generation;
  return [
    { do: 'event', regarding: deployment, type: 'Warning', reason: 'SelectingAll', message },
    ...writeStatus(deployment, { ...deployment.status, observedGeneration }),
  ];
}
