/** Field ownership around the verbs: `metadata.managedFields` of what they write, and server-side apply. */
import { conflictError, conflictsWithout, fieldsOfConflicts } from '#lib/kinds/apply/conflicts.ts';
import { checkedFieldsOf } from '#lib/kinds/apply/extract.ts';
import { difference, isEmpty, leaf, setOfPath, union } from '#lib/kinds/apply/field-set.ts';
import type { FieldSet } from '#lib/kinds/apply/field-set.ts';
import { structType } from '#lib/kinds/apply/field-types.ts';
import type { StructType } from '#lib/kinds/apply/field-types.ts';
import { kubectlManager, takeableFields, withRecord } from '#lib/kinds/apply/last-applied.ts';
import { sameButForTimes, startingEntries } from '#lib/kinds/apply/managers.ts';
import type { ManagerEntry, Writer } from '#lib/kinds/apply/managers.ts';
import { apply, entriesAfterUpdate } from '#lib/kinds/apply/ownership.ts';
import type { VersionForm } from '#lib/kinds/apply/ownership.ts';
import type { Kind } from '#lib/kinds/define-kind.ts';
import { kinds } from '#lib/kinds/index.ts';
import { decode } from '#lib/kinds/structure.ts';
import { equal } from '#lib/meta/equal.ts';
import { badRequest, plainError } from '#lib/meta/errors.ts';
import type { ApiError } from '#lib/meta/errors.ts';
import type { ManagedFieldsEntry, ObjectMeta, Resource } from '#lib/meta/object.ts';
import { formatTime } from '#lib/meta/time.ts';
import type { Caller, WriteOptions } from './types.ts';

export type Entries = readonly ManagerEntry[];

/** The manager for whom an untracked object's fields are kept when it is first applied to. */
const beforeApply = 'before-first-apply';

/** Who writes: the manager that the request names, else the caller by name. */
export function writerOf(
  kind: Kind,
  caller: Caller,
  { fieldManager, subresource = '' }: WriteOptions,
  nowMs: number,
): Writer {
  const manager = fieldManager || managerOf(caller);
  return {
    manager,
    apiVersion: kind.apiVersion,
    subresource,
    get time() {
      return formatTime(nowMs);
    },
  };
}

/** Components are known as upstream's are: `kubelet` for all nodes, a service account by its own name. */
function managerOf({ name }: Caller): string {
  if (name.startsWith('system:node:')) return 'kubelet';
  if (name === 'system:apiserver') return 'kube-apiserver';
  return name.slice(name.lastIndexOf(':') + 1) || 'unknown';
}

/** The owners of a new object's fields, as they are before admission adds its own. */
export function ownersOfNew(kind: Kind, draft: Resource, writer: Writer): Entries {
  const { object, given } = detached(draft);
  return entriesAfterUpdate({
    type: fieldsOf(kind),
    live: emptyOf(kind),
    next: object,
    entries: startingEntries(undefined, given),
    writer,
    ignored: ignoredFields(kind, ''),
    formOf: formOf(kind),
  });
}

/** The owners after an update to `next`; the managedFields `given` with it count in writes to the object itself. */
export function ownersOfUpdate(kind: Kind, before: Resource, next: Resource, given: unknown, writer: Writer): Entries {
  const live = detached(before);
  const entries = startingEntries(live.given, writer.subresource === '' ? given : undefined);
  // What is not tracked stays so until it is first applied to.
  if (entries.length === 0) return entries;
  return entriesAfterUpdate({
    type: fieldsOf(kind),
    live: live.object,
    next: detached(next).object,
    entries,
    writer,
    ignored: ignoredFields(kind, writer.subresource),
    formOf: formOf(kind),
  });
}

/** What applying makes of an object. */
export interface AppliedObject {
  /** Yet to be decoded; `before` itself when nothing changes. */
  object: object;
  owners: Entries;
}

/** Applies a configuration to an object, or to none. Throws BadRequest for one of another kind, Conflict where others own what it would change. */
export function appliedTo(
  kind: Kind,
  before: Resource | undefined,
  config: unknown,
  writer: Writer,
  force: boolean,
  /** The version that conflicts are told in, where it is another than that of the object. */
  toldVersion?: string,
): AppliedObject {
  const body = checkedConfig(kind, config);
  const type = fieldsOf(kind);
  const { fields, faults } = checkedFieldsOf(type, body);
  if (faults.length > 0) throw untyped(kind, body, faults);
  const live = before ? detached(before) : { object: emptyOf(kind), given: undefined };
  const shared = { type, writer, ignored: ignoredFields(kind, writer.subresource), formOf: formOf(kind) };
  const present = startingEntries(live.given, undefined);
  const entries =
    present.length > 0 || !before
      ? present
      : entriesAfterUpdate({
          ...shared,
          live: emptyOf(kind),
          next: live.object,
          entries: [],
          writer: { ...writer, manager: beforeApply },
        });
  const attempt = (force: boolean) => apply({ ...shared, live: live.object, entries, config: body, fields, force });
  const isKubectl = writer.manager === kubectlManager;
  let result = attempt(force);
  if ('conflicts' in result) {
    const takeable = isKubectl ? (takeableFields(type, live.object, kind.apiVersion) ?? leaf) : leaf;
    if (!isEmpty(difference(fieldsOfConflicts(result.conflicts), takeable))) {
      throw conflictError(conflictsWithout(result.conflicts, takeable), toldVersion);
    }
    result = attempt(true);
    if ('conflicts' in result) throw conflictError(result.conflicts, toldVersion);
  }
  const object = result.object ?? live.object;
  return { object: isKubectl ? withRecord(object, body) : object, owners: result.entries };
}

/** Gives the object its owners; those of `before` when the write turns out to change nothing but times. Changes `object`. */
export function setOwners(object: Resource, owners: Entries, before?: Resource): void {
  const last = before?.metadata.managedFields;
  const settled =
    before && last && owners !== last && sameButForTimes(owners, last as Entries) && isSame(object, before)
      ? last
      : owners;
  if (settled.length > 0) object.metadata.managedFields = settled as ManagedFieldsEntry[];
  else delete object.metadata.managedFields;
}

/** The object without its managedFields, and these. */
export function detached<T extends { metadata: Partial<ObjectMeta> }>(
  object: T,
): { object: T; given: ManagedFieldsEntry[] | undefined } {
  if (object.metadata.managedFields === undefined) return { object, given: undefined };
  const { managedFields, ...metadata } = object.metadata;
  return { object: { ...object, metadata }, given: managedFields };
}

/** A body as a client sent it without its managedFields, which are mostly those it was given and need no decoding. */
export function withoutOwners(body: unknown): { object: unknown; given: unknown } {
  const { metadata } = (body ?? {}) as { metadata?: { managedFields?: unknown } | null };
  if (!Array.isArray(metadata?.managedFields)) return { object: body, given: undefined };
  const { managedFields, ...rest } = metadata;
  return { object: { ...(body as object), metadata: rest }, given: managedFields };
}

function isSame(a: Resource, b: Resource): boolean {
  return equal(detached(a).object, detached(b).object);
}

/** How the fields of the kind's objects merge and are owned. */
function fieldsOf({ schema, custom }: Kind): StructType {
  return custom?.fields ?? structType(schema);
}

const empties = new Map<string, Resource>();

/** An object of the kind as it is before anyone has said anything. */
function emptyOf(kind: Kind): Resource {
  if (kind.custom) return { apiVersion: kind.apiVersion, kind: kind.kind, metadata: {} as ObjectMeta };
  const key = `${kind.apiVersion}/${kind.kind}`;
  let empty = empties.get(key);
  if (!empty) {
    empty = { apiVersion: kind.apiVersion, kind: kind.kind, metadata: {} as ObjectMeta };
    decode(kind.schema, empty);
    empties.set(key, empty);
  }
  return empty;
}

/** What writes to this part of an object leave as it is, whatever they say of it (upstream's GetResetFields). */
function ignoredFields(kind: Kind, subresource: string): FieldSet {
  if (subresource === '') {
    const fields = [...(kind.status ? ['status'] : []), ...(kind.resets ?? [])];
    return fields.reduce((all, field) => union(all, setOfPath(field)), leaf);
  }
  if (subresource !== 'status') return leaf;
  const spec = setOfPath('spec');
  if (kind.statusKeepsMetadata) return union(spec, setOfPath('metadata'));
  const kept = [...(kind.graceSeconds ? ['deletionTimestamp'] : []), ...(kind.statusKeeps ?? [])];
  return kept.reduce((all, field) => union(all, setOfPath('metadata', field)), spec);
}

/** Other versions of the same stored kind. */
function formOf(kind: Kind): (apiVersion: string) => VersionForm | undefined {
  return (apiVersion) => {
    const versions = kind.custom ? kind.custom.versions() : kinds;
    const other = versions.find((item) => item.storage === kind.storage && item.apiVersion === apiVersion);
    if (!other) return undefined;
    return {
      type: fieldsOf(other),
      to: (object) => converted(object as Resource, kind, other),
      from: (object) => converted(object as Resource, other, kind),
    };
  };
}

/** An object of one version of a kind in the form of another. One of which much has been taken is completed by what is always there. */
function converted(object: Resource, from: Kind, to: Kind): Resource {
  const there = Object.entries(object).filter(([, value]) => value != null);
  const whole = { ...emptyOf(from), ...Object.fromEntries(there) };
  const stored = from.conversion ? from.conversion.toStored(whole) : whole;
  return to.conversion ? to.conversion.fromStored(stored) : stored;
}

function checkedConfig(kind: Kind, config: unknown): Resource {
  const body = config as Partial<Resource> | null | undefined;
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw badRequest('error decoding YAML: an applied configuration must be an object');
  }
  if (body.apiVersion !== kind.apiVersion || body.kind !== kind.kind) {
    throw badRequest(`invalid object type: ${gvkOf(body)}`);
  }
  if (body.metadata?.managedFields != null) throw badRequest('metadata.managedFields must be nil');
  return body as Resource;
}

/** Group, version and kind as Go shows them; what is no text is none. */
function gvkOf(object: { apiVersion?: unknown; kind?: unknown }): string {
  const [apiVersion, kind] = [object.apiVersion, object.kind].map((value) => (typeof value === 'string' ? value : ''));
  return `${apiVersion!.includes('/') ? apiVersion : `/${apiVersion}`}, Kind=${kind}`;
}

function untyped(kind: Kind, { metadata }: Resource, faults: readonly string[]): ApiError {
  const { namespace = '', name = '' } = (metadata ?? {}) as Partial<ObjectMeta>;
  const list = faults.length === 1 ? faults[0] : ['errors:', ...faults.map((fault) => `  ${fault}`)].join('\n');
  const what = `${namespace}/${name}; ${gvkOf(kind)}`;
  return plainError(`failed to create typed patch object (${what}): ${list}`);
}
