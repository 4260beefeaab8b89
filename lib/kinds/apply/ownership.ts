/**
 * Who owns which fields after a write, as upstream's `apimachinery/pkg/util/managedfields` decides it. An update gives the writer what it has
 * changed and takes that from all others; applying gives the applier what its configuration says, and is refused where that would
 * change what others own.
 */
import { equal } from '#lib/meta/equal.ts';
import { compare } from './compare.ts';
import type { Comparison } from './compare.ts';
import { difference, intersection, isEmpty, leaf, recursiveDifference, setOfPath, union } from './field-set.ts';
import type { FieldSet } from './field-set.ts';
import { fieldsOf } from './extract.ts';
import type { StructType } from './field-types.ts';
import { capped, entryFor, entryWith, identityOf, tidied } from './managers.ts';
import type { ManagerEntry, Writer } from './managers.ts';
import { merge, removeFields, withParents } from './merge.ts';

/** How objects of another version of the same kind are had: owners may speak another version than this writer. */
export interface VersionForm {
  type: StructType;
  /** An object of this writer's version in the form of the other. */
  to(object: object): object;
  /** The way back. */
  from(object: object): object;
}

interface Write {
  type: StructType;
  /** The object before the write, without managedFields; an empty one of the kind for a creation. */
  live: object;
  entries: readonly ManagerEntry[];
  writer: Writer;
  /** Fields that this kind of write does not keep, such as `status` in writes to the object itself. */
  ignored: FieldSet;
  /** Undefined for a version that is not known; what is owned in it is forgotten. */
  formOf(apiVersion: string): VersionForm | undefined;
}

/** One field that another manager owns. */
export interface Conflict {
  entry: ManagerEntry;
  fields: FieldSet;
}

export type Applied =
  | { conflicts: Conflict[] }
  /** `object` is absent when the configuration changes nothing. */
  | { object: object | undefined; entries: readonly ManagerEntry[] };

/** What the system alone writes belongs to nobody. */
const systemFields: FieldSet = {
  ...setOfPath('apiVersion'),
  ...setOfPath('kind'),
  'f:metadata': {
    '.': leaf,
    ...[
      'clusterName',
      'creationTimestamp',
      'generation',
      'managedFields',
      'name',
      'namespace',
      'resourceVersion',
      'selfLink',
      'uid',
    ].reduce((all, name) => ({ ...all, ...setOfPath(name) }), {}),
  },
};

/** The entries after an update from `live` to `next`, which has no managedFields; the given ones themselves when it changes nothing. */
export function entriesAfterUpdate(write: Write & { next: object }): readonly ManagerEntry[] {
  const { type, live, next, entries, writer, ignored } = write;
  const changes = narrowed(compare(type, live, next), ignored);
  const changed = union(changes.modified, changes.added);
  if (isEmpty(changed) && isEmpty(changes.removed)) return entries;
  const own = entryFor(writer, 'Update', leaf);
  const identity = identityOf(own);
  const { kept, conflicts } = confront(entries, changes, next, write);
  const taken = difference(changed, systemFields);
  const left = kept.map((entry) => {
    const lost = conflicts.find((conflict) => conflict.entry === entry);
    return lost ? entryWith(entry, difference(entry.fieldsV1, lost.fields)) : entry;
  });
  if (isEmpty(taken)) return tidied(left);
  const mine = left.find((entry) => identityOf(entry) === identity);
  const fields = mine ? union(mine.fieldsV1, taken) : taken;
  // A set that is as before stays the same object, which is found to be equal at once.
  const before = entries.find((entry) => identityOf(entry) === identity)?.fieldsV1;
  const same = before && equal(before, fields) ? before : fields;
  return capped(tidied([...left.filter((entry) => entry !== mine), entryWith(own, same, writer.time)]));
}

/** The object and entries after applying `config`, whose fields are `fields`. */
export function apply(write: Write & { config: object; fields: FieldSet; force: boolean }): Applied {
  const { type, live, config, entries, writer, ignored, force } = write;
  const own = entryFor(writer, 'Apply', recursiveDifference(write.fields, ignored));
  const identity = identityOf(own);
  const last = entries.find((entry) => identityOf(entry) === identity);
  const others = entries.filter((entry) => entry !== last);
  const next = pruned(write, merge(type, live, config), last, [...others, own]);
  const changes = narrowed(compare(type, live, next), ignored);
  const { kept, conflicts } = confront(others, changes, next, write);
  if (conflicts.length > 0 && !force) {
    return { conflicts: conflicts.toSorted((a, b) => (identityOf(a.entry) < identityOf(b.entry) ? -1 : 1)) };
  }
  const left = kept.map((entry) => {
    const lost = conflicts.find((conflict) => conflict.entry === entry);
    return lost ? entryWith(entry, difference(entry.fieldsV1, lost.fields)) : entry;
  });
  // To bring items into another order alone changes nothing, and what is ignored does not count.
  const idle = [changes.added, changes.modified, changes.removed].every(isEmpty);
  const mine = entryWith(own, difference(own.fieldsV1, systemFields), idle ? last?.time : writer.time);
  return { object: idle ? undefined : next, entries: tidied([...left, mine]) };
}

/** What of the changes concerns the entries: without removed fields, and which fields of theirs are changed. */
function confront(
  entries: readonly ManagerEntry[],
  changes: Comparison,
  next: object,
  { live, writer, ignored, formOf }: Write,
): { kept: ManagerEntry[]; conflicts: Conflict[] } {
  const byVersion = new Map([[writer.apiVersion, changes]]);
  const kept: ManagerEntry[] = [];
  const conflicts: Conflict[] = [];
  for (const entry of entries) {
    let seen = byVersion.get(entry.apiVersion);
    if (!seen) {
      const form = formOf(entry.apiVersion);
      if (!form) continue;
      seen = narrowed(compare(form.type, form.to(live), form.to(next)), ignored);
      byVersion.set(entry.apiVersion, seen);
    }
    const remaining = difference(entry.fieldsV1, seen.removed);
    const left = remaining === entry.fieldsV1 ? entry : entryWith(entry, remaining);
    const lost = intersection(entry.fieldsV1, union(seen.modified, seen.added));
    if (!isEmpty(lost)) conflicts.push({ entry: left, fields: lost });
    kept.push(left);
  }
  return { kept, conflicts };
}

function narrowed({ added, modified, removed }: Comparison, ignored: FieldSet): Comparison {
  return {
    added: recursiveDifference(added, ignored),
    modified: recursiveDifference(modified, ignored),
    removed: recursiveDifference(removed, ignored),
  };
}

/**
 * The merged object without the fields that the applier owned and no longer mentions, unless someone else owns them. `owners` are all
 * entries after the write. What was owned in another version is taken out in that version's form.
 */
function pruned(write: Write, merged: object, last: ManagerEntry | undefined, owners: readonly ManagerEntry[]): object {
  const form = last && formIn(write, last.apiVersion);
  if (!last || !form) return merged;
  const had = withParents(form.type, last.fieldsV1);
  const whole = form.to(merged);
  const all = withParents(form.type, fieldsOf(form.type, whole));
  let kept = form.from(removeFields(form.type, whole, had));
  for (const apiVersion of new Set(owners.map((entry) => entry.apiVersion))) {
    kept = withOwned(write, apiVersion, merged, kept, owners) ?? kept;
  }
  const left = withParents(form.type, fieldsOf(form.type, form.to(kept)));
  return form.from(removeFields(form.type, whole, intersection(difference(all, left), had)));
}

/** `kept` with what else of `merged` is owned in this version; undefined for a version that is not known. */
function withOwned(
  write: Write,
  apiVersion: string,
  merged: object,
  kept: object,
  owners: readonly ManagerEntry[],
): object | undefined {
  const form = formIn(write, apiVersion);
  if (!form) return undefined;
  const { type, to, from } = form;
  const owned = owners.reduce<FieldSet>(
    (all, entry) => (entry.apiVersion === apiVersion ? union(all, entry.fieldsV1) : all),
    leaf,
  );
  const whole = to(merged);
  const present = union(withParents(type, fieldsOf(type, to(kept))), withParents(type, owned));
  return from(removeFields(type, whole, difference(withParents(type, fieldsOf(type, whole)), present)));
}

/** The form of a version; the writer's own needs no conversion. */
function formIn({ type, writer, formOf }: Write, apiVersion: string): VersionForm | undefined {
  if (apiVersion !== writer.apiVersion) return formOf(apiVersion);
  return { type, to: (object) => object, from: (object) => object };
}
