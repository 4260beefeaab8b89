/** What writes do to one object, as far as controllers can tell: a small stand-in for the API server's own rules. */
import type { Env } from '#lib/env/env.ts';
import type { Kind } from '#lib/kinds/define-kind.ts';
import { copy, equal } from '#lib/meta/equal.ts';
import { badRequest, conflict } from '#lib/meta/errors.ts';
import { generatedName } from '#lib/meta/names.ts';
import type { Draft, Ref, Resource } from '#lib/meta/object.ts';
import { formatTime } from '#lib/meta/time.ts';
import type { DeleteOptions, Preconditions } from './types.ts';

type WithParts = Resource & { spec?: unknown; status?: unknown };

/** A new object from its draft. */
export function created(kind: Kind, draft: Draft<Resource>, env: Env): Resource {
  const { metadata, ...rest } = copy(draft);
  const { name, generateName } = metadata;
  if (!name && !generateName) throw badRequest('name or generateName is required');
  const object = {
    ...rest,
    apiVersion: kind.apiVersion,
    kind: kind.kind,
    metadata: {
      ...metadata,
      name: name || generatedName(generateName!, env.random),
      uid: env.uuid(),
      resourceVersion: '',
      creationTimestamp: formatTime(env.now()),
      ...(kind.generation && { generation: 1 }),
    },
  } as WithParts;
  kind.defaults?.(object);
  if (kind.prepareCreate) kind.prepareCreate(object, { now: env.now(), uuid: env.uuid });
  else if (kind.status) delete object.status;
  return object;
}

/** `before` with what a write to this part may change taken from `asked`. */
export function updated(kind: Kind, before: WithParts, asked: WithParts, subresource: string): Resource {
  const metadata = { ...copy(asked.metadata), ...systemFields(before) };
  if (subresource === 'status') return { ...before, metadata, status: copy(asked.status) } as Resource;
  const next: WithParts = { ...copy(asked), metadata };
  kind.defaults?.(next);
  if (kind.status && subresource === '') next.status = before.status;
  const raises = typeof kind.generation === 'function' ? kind.generation : changesIntent;
  if (kind.generation && raises(next, before)) {
    next.metadata.generation = (before.metadata.generation ?? 0) + 1;
  }
  return next;
}

/** The object marked for deletion, or undefined when it goes at once. */
export function deleted(kind: Kind, before: Resource, options: DeleteOptions, env: Env): Resource | undefined {
  const next = copy(before);
  const { metadata } = next;
  const dependents = options.propagationPolicy === 'Foreground' ? 'foregroundDeletion' : 'orphan';
  if (options.propagationPolicy === 'Foreground' || options.propagationPolicy === 'Orphan') {
    metadata.finalizers = [...new Set([...(metadata.finalizers ?? []), dependents])];
  }
  const asked = kind.graceSeconds?.(before, options.gracePeriodSeconds) ?? 0;
  const grace = Math.min(asked, metadata.deletionGracePeriodSeconds ?? Infinity);
  metadata.deletionTimestamp ??= formatTime(env.now() + grace * 1000);
  metadata.deletionGracePeriodSeconds = grace;
  return isFinished(next) ? undefined : next;
}

/** Whether a deletion has nothing left to wait for. */
export function isFinished({ metadata }: Resource): boolean {
  if (metadata.deletionTimestamp === undefined) return false;
  return (metadata.finalizers ?? []).length === 0 && (metadata.deletionGracePeriodSeconds ?? 0) === 0;
}

/** Throws Conflict unless `object` is what the writer means. */
export function checkPreconditions(kind: Kind, object: Resource, { uid, resourceVersion }: Preconditions): void {
  const { metadata } = object;
  if (uid && uid !== metadata.uid) throw conflict(kind, metadata.name, `the UID in the precondition (${uid}) differs`);
  if (resourceVersion && resourceVersion !== metadata.resourceVersion) throw conflict(kind, metadata.name);
}

export function refTo({ metadata }: { metadata: { namespace?: string | undefined; name: string } }): Ref {
  return { namespace: metadata.namespace ?? '', name: metadata.name };
}

function systemFields({ metadata }: Resource) {
  const { uid, resourceVersion, creationTimestamp, generation, deletionTimestamp } = metadata;
  return {
    uid,
    resourceVersion,
    creationTimestamp,
    ...(generation !== undefined && { generation }),
    ...(deletionTimestamp !== undefined && { deletionTimestamp }),
  };
}

function changesIntent(now: WithParts, was: WithParts): boolean {
  return !equal(intentOf(now), intentOf(was));
}

function intentOf(object: WithParts): object {
  const { metadata: _m, status: _s, ...intent } = object;
  return intent;
}
