/** What the server adds to, keeps from and takes out of an object before it is checked and stored. */
import type { Kind, WriteContext } from '#lib/kinds/define-kind.ts';
import { decode } from '#lib/kinds/structure.ts';
import { copy, equal } from '#lib/meta/equal.ts';
import type { ObjectMeta, Resource } from '#lib/meta/object.ts';
import { formatTime } from '#lib/meta/time.ts';

/** Gives a new object the metadata that the system owns. Changes `object`. */
export function fillMetadata(kind: Kind, object: Resource, namespace: string, context: WriteContext): void {
  const { metadata } = object;
  if (kind.namespaced) metadata.namespace = namespace;
  else delete metadata.namespace;
  metadata.uid = context.uuid();
  metadata.creationTimestamp = formatTime(context.now);
  const dropped = ['resourceVersion', 'selfLink', 'deletionTimestamp', 'deletionGracePeriodSeconds'] as const;
  for (const field of dropped) delete metadata[field as 'selfLink'];
  if (kind.generation) metadata.generation = 1;
}

/** Takes out what a client may not choose on creation. Changes `object`. */
export function prepareCreate(kind: Kind, object: Resource, context: WriteContext): void {
  const holder = object as Resource & { status?: unknown };
  if (kind.prepareCreate) kind.prepareCreate(object, context);
  else if (kind.status) delete holder.status;
  if (kind.status && !kind.custom && holder.status === undefined) holder.status = blankStatus(kind);
}

const blankStatuses = new Map<Kind, object>();

/** What Go writes of a status that nothing has been said in: clients rely on its being there. */
function blankStatus(kind: Kind): object {
  let status = blankStatuses.get(kind);
  if (!status) {
    const object = { status: {} };
    decode(kind.schema, object);
    blankStatuses.set(kind, (status = object.status));
  }
  return copy(status);
}

/**
 * The object to store for an update: `next` with all that an update to this part may not change taken from `before`.
 * `part` is '' for the object itself or `status`. Changes `next`.
 */
export function prepareUpdate(
  kind: Kind,
  next: Resource,
  before: Resource,
  part: '' | 'status',
  context: WriteContext,
): Resource {
  keepSystemMetadata(next.metadata, before.metadata);
  if (!kind.namespaced) delete next.metadata.namespace;
  if (part === 'status') {
    const merged = withStatus(kind, next, before);
    kind.prepareStatus?.(merged, before, context, part);
    return merged;
  }
  if (kind.status) carry(next, before, 'status');
  kind.prepareUpdate?.(next, before, context);
  const raises = typeof kind.generation === 'function' ? kind.generation : changesIntent;
  if (kind.generation && raises(next, before)) next.metadata.generation = (before.metadata.generation ?? 0) + 1;
  return next;
}

/** Whether anything but metadata and status differs. */
function changesIntent(next: Resource, before: Resource): boolean {
  const { metadata: _m, status: _s, ...now } = next as Resource & { status?: unknown };
  const { metadata: _n, status: _t, ...was } = before as Resource & { status?: unknown };
  return !equal(now, was);
}

/** `before` with the status and the editable metadata of `next`. */
function withStatus(kind: Kind, next: Resource, before: Resource): Resource {
  const metadata = kind.statusKeepsMetadata ? { ...before.metadata } : next.metadata;
  const merged: Resource & { status?: unknown } = { ...before, metadata };
  carry(merged, next, 'status');
  for (const field of kind.statusKeeps ?? []) carry(metadata, before.metadata, field);
  return merged;
}

function keepSystemMetadata(next: ObjectMeta, before: ObjectMeta): void {
  if (!next.uid) next.uid = before.uid;
  if (next.namespace === undefined) carry(next, before, 'namespace');
  next.creationTimestamp = before.creationTimestamp;
  next.resourceVersion = before.resourceVersion;
  if (before.deletionTimestamp !== undefined) next.deletionTimestamp = before.deletionTimestamp;
  if (next.deletionGracePeriodSeconds === undefined) carry(next, before, 'deletionGracePeriodSeconds');
  carry(next, before, 'generation');
  delete next.selfLink;
}

function carry(to: object, from: object, field: string): void {
  const value = (from as Record<string, unknown>)[field];
  if (value === undefined) delete (to as Record<string, unknown>)[field];
  else (to as Record<string, unknown>)[field] = value;
}
