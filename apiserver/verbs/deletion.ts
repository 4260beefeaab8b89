/** What a delete request does to an object, as upstream's `registry/rest/delete.go` and `registry/generic/registry/store.go`. */
import type { Kind } from '#lib/kinds/define-kind.ts';
import { copy, equal } from '#lib/meta/equal.ts';
import { ApiError } from '#lib/meta/errors.ts';
import type { Resource } from '#lib/meta/object.ts';
import { formatTime, parseTime } from '#lib/meta/time.ts';
import type { DeleteOptions } from './types.ts';

export type Deletion =
  | { do: 'remove' }
  /** The object stays for now, in this state. */
  | { do: 'mark'; object: Resource }
  /** Its deletion is under way already and this request adds nothing. */
  | { do: 'nothing' };

const orphanFinalizer = 'orphan';
const foregroundFinalizer = 'foregroundDeletion';

/** Decides what the request does; throws Conflict when a precondition fails. `nowMs` is since the epoch. */
export function decideDeletion(kind: Kind, object: Resource, options: DeleteOptions, nowMs: number): Deletion {
  checkPreconditions(object, options.preconditions);
  if (isNamespace(kind)) return decideNamespaceDeletion(object, nowMs);
  const { metadata } = object;
  const grace = metadata.deletionGracePeriodSeconds ?? 0;
  if (metadata.deletionTimestamp !== undefined && grace > 0) {
    const wanted = kind.graceSeconds?.(object, options.gracePeriodSeconds) ?? 0;
    if (options.gracePeriodSeconds === undefined || wanted >= grace) return { do: 'nothing' };
    return finish(shortened(object, grace, wanted));
  }
  const next = copy(object);
  const finalizers = finalizersAfter(kind, object, options);
  if (!equal(finalizers, metadata.finalizers ?? [])) setFinalizers(next, finalizers);
  if (metadata.deletionTimestamp === undefined) {
    const graceSeconds = kind.graceSeconds?.(object, options.gracePeriodSeconds) ?? 0;
    next.metadata.deletionTimestamp = formatTime(nowMs + graceSeconds * 1000);
    next.metadata.deletionGracePeriodSeconds = graceSeconds;
    if (next.metadata.generation) next.metadata.generation++;
  }
  return finish(next);
}

/** Whether an object in this state, reached by an update, has nothing left to wait for and goes. */
export function isFinished(kind: Kind, object: Resource): boolean {
  const { deletionTimestamp, deletionGracePeriodSeconds, finalizers } = object.metadata;
  if (deletionTimestamp === undefined || (deletionGracePeriodSeconds ?? 0) > 0) return false;
  if (isNamespace(kind) && namespaceFinalizers(object).length > 0) return false;
  return (finalizers ?? []).length === 0;
}

function finish(object: Resource): Deletion {
  const { finalizers, deletionGracePeriodSeconds } = object.metadata;
  if ((finalizers ?? []).length === 0 && (deletionGracePeriodSeconds ?? 0) === 0) return { do: 'remove' };
  return { do: 'mark', object };
}

function checkPreconditions({ kind, metadata }: Resource, wanted: DeleteOptions['preconditions']): void {
  const refuse = (because: string) =>
    new ApiError('Conflict', `Operation cannot be fulfilled on ${kind} "${metadata.name}": ${because}`, {
      name: metadata.name,
      kind,
    });
  if (wanted?.uid !== undefined && wanted.uid !== metadata.uid) {
    throw refuse(
      `the UID in the precondition (${wanted.uid}) does not match the UID in record (${metadata.uid}). The object might have been deleted and then recreated`,
    );
  }
  if (wanted?.resourceVersion !== undefined && wanted.resourceVersion !== metadata.resourceVersion) {
    throw refuse(
      `the ResourceVersion in the precondition (${wanted.resourceVersion}) does not match the ResourceVersion in record (${metadata.resourceVersion}). The object might have been modified`,
    );
  }
}

function shortened(object: Resource, graceSeconds: number, wantedSeconds: number): Resource {
  const next = copy(object);
  const askedAt = (parseTime(object.metadata.deletionTimestamp) ?? 0) - graceSeconds * 1000;
  next.metadata.deletionTimestamp = formatTime(askedAt + wantedSeconds * 1000);
  next.metadata.deletionGracePeriodSeconds = wantedSeconds;
  return next;
}

/** The finalizers after the request: the policy adds one of the collector's two, or takes them away. */
function finalizersAfter(kind: Kind, object: Resource, { propagationPolicy }: DeleteOptions): string[] {
  const before = object.metadata.finalizers ?? [];
  const others = before.filter((name) => name !== orphanFinalizer && name !== foregroundFinalizer);
  const policy = propagationPolicy ?? policyOf(before) ?? defaultPolicy(kind);
  if (policy === 'Orphan') return [...others, orphanFinalizer];
  return policy === 'Foreground' ? [...others, foregroundFinalizer] : others;
}

function policyOf(finalizers: readonly string[]): DeleteOptions['propagationPolicy'] {
  if (finalizers.includes(orphanFinalizer)) return 'Orphan';
  return finalizers.includes(foregroundFinalizer) ? 'Foreground' : undefined;
}

/** Two old kinds let their dependents live unless told otherwise; upstream keeps that for compatibility. */
function defaultPolicy(kind: Kind): 'Orphan' | 'Background' {
  return kind.plural === 'replicationcontrollers' || (kind.group === 'batch' && kind.plural === 'jobs')
    ? 'Orphan'
    : 'Background';
}

function setFinalizers({ metadata }: Resource, finalizers: string[]): void {
  if (finalizers.length > 0) metadata.finalizers = finalizers;
  else delete metadata.finalizers;
}

function isNamespace(kind: Kind): boolean {
  return kind.group === '' && kind.plural === 'namespaces';
}

function namespaceFinalizers(object: Resource): readonly string[] {
  return (object as Resource & { spec?: { finalizers?: string[] } }).spec?.finalizers ?? [];
}

/** A namespace waits in phase Terminating until its `spec.finalizers` are gone, which the namespace controller sees to. */
function decideNamespaceDeletion(object: Resource, nowMs: number): Deletion {
  const open = namespaceFinalizers(object).length > 0 || (object.metadata.finalizers ?? []).length > 0;
  if (!open) return { do: 'remove' };
  if (object.metadata.deletionTimestamp !== undefined) return { do: 'nothing' };
  const next = copy(object) as Resource & { status?: { phase?: string } };
  next.metadata.deletionTimestamp = formatTime(nowMs);
  next.status = { ...next.status, phase: 'Terminating' };
  return { do: 'mark', object: next };
}
