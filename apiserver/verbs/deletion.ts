/** What a delete request does to an object, as upstream's `registry/rest/delete.go` and `registry/generic/registry/store.go`. */
import type { Kind } from '#lib/kinds/define-kind.ts';
import { copy, equal } from '#lib/meta/equal.ts';
import { conflict } from '#lib/meta/errors.ts';
import type { Resource } from '#lib/meta/object.ts';
import { formatTime, parseTime } from '#lib/meta/time.ts';
import type { DeleteOptions } from './types.ts';

export type Deletion =
  /** `object`, when given, is the state in which it goes. */
  | { do: 'remove'; object?: Resource }
  /** The object stays for now, in this state. */
  | { do: 'mark'; object: Resource }
  /** Its deletion is under way already and this request adds nothing. */
  | { do: 'nothing' };

const orphanFinalizer = 'orphan';
const foregroundFinalizer = 'foregroundDeletion';

/** Decides what the request does; throws Conflict when a precondition fails. `nowMs` is since the epoch. */
export function decideDeletion(kind: Kind, object: Resource, options: DeleteOptions, nowMs: number): Deletion {
  if (isNamespace(kind)) return decideNamespaceDeletion(kind, object, options, nowMs);
  checkPreconditions(kind, object, options.preconditions);
  const { deletionTimestamp, deletionGracePeriodSeconds: grace = 0 } = object.metadata;
  const isPending = deletionTimestamp !== undefined && grace > 0;
  const asked = options.gracePeriodSeconds === undefined ? undefined : askedGrace(options.gracePeriodSeconds);
  if (isPending && (asked === undefined || asked >= grace)) return { do: 'nothing' };
  const next = isPending ? shortened(object, grace, asked!) : copy(object);
  const finalizers = finalizersAfter(kind, object, options);
  if (!equal(finalizers, object.metadata.finalizers ?? [])) setFinalizers(next, finalizers);
  if (deletionTimestamp === undefined) {
    // What goes at once, and was never to have a grace, goes as it is.
    if (!kind.graceSeconds && finalizers.length === 0) return { do: 'remove' };
    begin(next, kind.graceSeconds?.(object, asked) ?? 0, nowMs);
  }
  return finish(next);
}

/** A time before now is as good as a second. */
function askedGrace(seconds: number): number {
  return seconds < 0 ? 1 : seconds;
}

function begin({ metadata }: Resource, graceSeconds: number, nowMs: number): void {
  metadata.deletionTimestamp = formatTime(nowMs + graceSeconds * 1000);
  metadata.deletionGracePeriodSeconds = graceSeconds;
  if (metadata.generation) metadata.generation++;
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
  const isOver = (finalizers ?? []).length === 0 && (deletionGracePeriodSeconds ?? 0) === 0;
  return { do: isOver ? 'remove' : 'mark', object };
}

function checkPreconditions(
  { group }: Kind,
  { kind, metadata }: Resource,
  wanted: DeleteOptions['preconditions'],
): void {
  // Upstream names the kind here where all else names the resource.
  const refuse = (because: string) => conflict({ group, plural: kind }, metadata.name, because);
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
  const own = kind.deletionFinalizer;
  if (own !== undefined && object.metadata.deletionTimestamp === undefined && !others.includes(own)) others.push(own);
  if (kind.dependents === 'none') return others;
  const policy = propagationPolicy ?? policyOf(before) ?? (kind.dependents === 'orphaned' ? 'Orphan' : 'Background');
  if (policy === 'Orphan') return [...others, orphanFinalizer];
  return policy === 'Foreground' ? [...others, foregroundFinalizer] : others;
}

function policyOf(finalizers: readonly string[]): DeleteOptions['propagationPolicy'] {
  if (finalizers.includes(orphanFinalizer)) return 'Orphan';
  return finalizers.includes(foregroundFinalizer) ? 'Foreground' : undefined;
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
function decideNamespaceDeletion(kind: Kind, object: Resource, options: DeleteOptions, nowMs: number): Deletion {
  const { preconditions = {} } = options;
  for (const [field, title] of [
    ['uid', 'UID'],
    ['resourceVersion', 'ResourceVersion'],
  ] as const) {
    const [wanted, is] = [preconditions[field], object.metadata[field]];
    if (wanted === undefined || wanted === is) continue;
    const because = `Precondition failed: ${title} in precondition: ${wanted}, ${title} in object meta: ${is}`;
    throw conflict(kind, object.metadata.name, because);
  }
  const open = namespaceFinalizers(object).length > 0 || (object.metadata.finalizers ?? []).length > 0;
  if (!open) return { do: 'remove' };
  if (object.metadata.deletionTimestamp !== undefined) return { do: 'nothing' };
  const next = copy(object) as Resource & { status?: { phase?: string } };
  next.metadata.deletionTimestamp = formatTime(nowMs);
  next.status = { ...next.status, phase: 'Terminating' };
  return { do: 'mark', object: next };
}
