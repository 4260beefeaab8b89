/** What keeps the number of a set's pods: one decision for ReplicaSets and ReplicationControllers. */
import type { Action, Failure } from '#lib/control/types.ts';
import type { Kind } from '#lib/kinds/define-kind.ts';
import type { ReplicaSetCondition, ReplicaSetStatus } from '#lib/kinds/gen/apps-v1.ts';
import type { Pod, PodTemplateSpec } from '#lib/kinds/gen/core-v1.ts';
import { pod as podKind } from '#lib/kinds/pod.ts';
import { conditionOf } from '#lib/meta/conditions.ts';
import { equal } from '#lib/meta/equal.ts';
import type { Draft, Resource } from '#lib/meta/object.ts';
import { controllerRef } from '#lib/meta/owners.ts';
import { fromMap, matches } from '#lib/meta/selectors.ts';
import type { Selector } from '#lib/meta/selectors.ts';
import { formatTime } from '#lib/meta/time.ts';
import { claim } from '../claim.ts';
import { isActive, isAvailable, isReady, untilAvailable } from '../pods.ts';
import { leastUsefulFirst } from './ranking.ts';

/** A set of either kind. */
export interface PodSet extends Resource {
  status?: ReplicaSetStatus | undefined;
}

export interface Seen {
  kind: Kind<PodSet>;
  set: PodSet;
  replicas: number;
  minReadySeconds: number;
  selector: Selector;
  template: PodTemplateSpec;
  /** Pods that the set controls, and those of its namespace without a controller. */
  candidates: Pod[];
  /** Pods of all sets with the same controller as this one: a scale-down thins out crowded nodes first. */
  related: Pod[];
  now: number;
}

/** No more creates or deletes than this in one turn, as upstream. */
const burst = 500;

/** Adopts and releases pods, creates missing and deletes surplus ones, and keeps the status. */
export function decide(seen: Seen): Action[] {
  const { set, kind, selector, candidates } = seen;
  const { owned, actions } = claim(set, selector, podKind, candidates.filter(isActive));
  if (set.metadata.deletionTimestamp === undefined) actions.push(...adjust(seen, owned));
  const status = statusOf(seen, owned, conditionsAfter(seen, owned));
  if (!equal(status, set.status)) actions.push(writeStatus(kind, set, status));
  return [...actions, ...wakeWhenAvailable(seen, owned)];
}

/** The status when pods could not be created or deleted: upstream's ReplicaFailure condition with the failure's sentence. */
export function failed(seen: Seen, failures: readonly Failure[]): Action[] {
  const { set, kind, selector, candidates, now } = seen;
  const failure = failures.find(({ action }) => action.do === 'create' || action.do === 'delete');
  if (!failure) return [];
  const reason = failure.action.do === 'create' ? 'FailedCreate' : 'FailedDelete';
  const message = failure.error.message;
  const conditions = (set.status?.conditions ?? []).filter(({ type }) => type !== 'ReplicaFailure');
  const before = conditionOf(set.status?.conditions, 'ReplicaFailure');
  const time = before?.lastTransitionTime ?? formatTime(now);
  const condition = { type: 'ReplicaFailure', status: 'True', lastTransitionTime: time, reason, message };
  const { owned } = claim(set, selector, podKind, candidates.filter(isActive));
  const status = statusOf(seen, owned, [...conditions, condition]);
  return equal(status, set.status) ? [] : [writeStatus(kind, set, status)];
}

function adjust(seen: Seen, owned: Pod[]): Action[] {
  const missing = seen.replicas - owned.length;
  if (missing > 0) return Array.from({ length: Math.min(missing, burst) }, () => createPod(seen));
  const surplus = Math.min(-missing, burst);
  if (surplus === 0) return [];
  const ranked = owned.toSorted(leastUsefulFirst(seen.related, seen.now));
  return ranked.slice(0, surplus).map((victim) => deletePod(seen.set, victim));
}

function createPod({ set, template }: Seen): Action {
  return {
    do: 'create',
    kind: podKind,
    object: podFrom(template, set),
    report: {
      regarding: set,
      done: { reason: 'SuccessfulCreate', message: 'Created pod: {name}' },
      failed: { reason: 'FailedCreate', message: 'Error creating: {error}' },
    },
  };
}

/** The pod that a template asks for, named after and controlled by `owner`. */
export function podFrom(template: PodTemplateSpec, owner: Resource): Draft<Pod> {
  const { labels, annotations, finalizers } = template.metadata ?? {};
  const { name, namespace } = owner.metadata;
  return {
    metadata: {
      generateName: `${name}-`,
      namespace,
      ...(labels && { labels }),
      ...(annotations && { annotations }),
      ...(finalizers && { finalizers }),
      ownerReferences: [controllerRef(owner)],
    },
    spec: template.spec!,
  };
}

function deletePod(set: PodSet, { metadata }: Pod): Action {
  return {
    do: 'delete',
    kind: podKind,
    target: { namespace: metadata.namespace!, name: metadata.name },
    uid: metadata.uid,
    report: {
      regarding: set,
      done: { reason: 'SuccessfulDelete', message: 'Deleted pod: {name}' },
      failed: { reason: 'FailedDelete', message: 'Error deleting: {error}' },
    },
  };
}

/** A failure stands until the number of pods is right again. */
function conditionsAfter({ set, replicas }: Seen, owned: Pod[]): ReplicaSetCondition[] {
  const conditions = set.status?.conditions ?? [];
  return owned.length === replicas ? conditions.filter(({ type }) => type !== 'ReplicaFailure') : conditions;
}

function statusOf(seen: Seen, owned: Pod[], conditions: ReplicaSetCondition[]): ReplicaSetStatus {
  const { set, template, minReadySeconds, now } = seen;
  const wanted = fromMap(template.metadata?.labels) ?? [];
  const labelled = owned.filter(({ metadata }) => matches(wanted, metadata.labels)).length;
  const ready = owned.filter(isReady).length;
  const available = owned.filter((pod) => isAvailable(pod, minReadySeconds, now)).length;
  return {
    replicas: owned.length,
    ...(labelled > 0 && { fullyLabeledReplicas: labelled }),
    ...(ready > 0 && { readyReplicas: ready }),
    ...(available > 0 && { availableReplicas: available }),
    ...(set.metadata.generation !== undefined && { observedGeneration: set.metadata.generation }),
    ...(conditions.length > 0 && { conditions }),
  };
}

function writeStatus(kind: Kind<PodSet>, set: PodSet, status: ReplicaSetStatus): Action {
  return { do: 'status', kind, object: { ...set, status } as PodSet };
}

/** No change of a pod tells that it has been ready long enough. */
function wakeWhenAvailable({ minReadySeconds, now }: Seen, owned: Pod[]): Action[] {
  const waits = owned.map((pod) => untilAvailable(pod, minReadySeconds, now)).filter((wait) => wait !== undefined);
  const ahead = waits.filter((wait) => wait > 0);
  return ahead.length > 0 ? [{ do: 'wake', afterMs: Math.min(...ahead) }] : [];
}
