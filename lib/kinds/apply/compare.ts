/** What differs between two objects of a type, as sets of fields. */
import { equal } from '#lib/meta/equal.ts';
import { leaf, memberOf, nodeOf } from './field-set.ts';
import type { FieldSet } from './field-set.ts';
import { elementOf, freeType } from './field-types.ts';
import type { FieldType, StructType } from './field-types.ts';

export interface Comparison {
  added: FieldSet;
  modified: FieldSet;
  removed: FieldSet;
}

type Json = Readonly<Record<string, unknown>>;
type ListType = FieldType & { is: 'set' | 'keyed' };

/** The same for one value: nodes, absent where nothing differs. */
type Differences = Partial<Comparison>;

/** Differences of the fields or items of one value, by their elements. */
type Gathered = { [sort in keyof Comparison]?: Record<string, FieldSet> };

const nothing: Json = Object.freeze({});

/** Compares two objects field by field. */
export function compare(type: StructType, before: object, after: object): Comparison {
  const { added = leaf, modified = leaf, removed = leaf } = compareFields(type, before as Json, after as Json) ?? {};
  return { added, modified, removed };
}

/** Most of two objects is alike, which is found out quickest without a look at types. */
function compareValues(type: FieldType, before: unknown, after: unknown): Differences | undefined {
  if (before === undefined) return { added: whole(type, after) };
  if (after === undefined) return { removed: whole(type, before) };
  if (equal(before, after)) return undefined;
  switch (type.is) {
    case 'leaf':
      return { modified: leaf };
    case 'set':
    case 'keyed':
      // Null stands for empty, but to have nothing and to have null is not the same.
      if (lengthOf(before) + lengthOf(after) === 0) return { modified: leaf };
      return compareItems(type, before as unknown[] | null, after as unknown[] | null);
    default: {
      if (type.is === 'free' && !(isObject(before) && isObject(after))) return { modified: leaf };
      const [was, is] = [before ?? nothing, after ?? nothing] as [Json, Json];
      return hasNone(was) && hasNone(is) ? { modified: leaf } : compareFields(type, was, is);
    }
  }
}

function lengthOf(list: unknown): number {
  return Array.isArray(list) ? list.length : 0;
}

function hasNone(fields: Json): boolean {
  return Object.keys(fields).length === 0;
}

function compareFields(
  type: FieldType & { is: 'struct' | 'map' | 'free' },
  before: Json,
  after: Json,
): Differences | undefined {
  const gathered: Gathered = {};
  let any = false;
  const visit = (key: string, was: unknown, is: unknown) => {
    const field = fieldTypeOf(type, key);
    if (!field) return;
    const missing = type.is === 'struct' ? type.empties.get(key) : undefined;
    const before = was ?? missing;
    const after = is ?? missing;
    const differences = before === after ? undefined : compareValues(field, before, after);
    if (!differences) return;
    any = true;
    gather(gathered, `f:${key}`, differences);
  };
  for (const key of Object.keys(after)) {
    const was = Object.hasOwn(before, key) ? before[key] : undefined;
    if (was !== after[key]) visit(key, was, after[key]);
  }
  for (const key of Object.keys(before)) if (!Object.hasOwn(after, key)) visit(key, before[key], undefined);
  return any ? differencesOf(gathered) : undefined;
}

/** The type of a field or map entry; undefined for a field that the schema does not know. */
export function fieldTypeOf(type: FieldType & { is: 'struct' | 'map' | 'free' }, key: string): FieldType | undefined {
  if (type.is === 'struct') return type.fields.get(key) ?? type.others;
  return type.is === 'map' ? type.items : freeType;
}

/** Items are matched by what tells them apart. Those of which there are several alike count as one field together. */
function compareItems(
  type: ListType,
  before: readonly unknown[] | null,
  after: readonly unknown[] | null,
): Differences | undefined {
  const gathered: Gathered = {};
  const left = byElement(type, before ?? []);
  const right = byElement(type, after ?? []);
  for (const element of new Set([...left.keys(), ...right.keys()])) {
    const differences = compareAlike(type.items, left.get(element) ?? [], right.get(element) ?? []);
    if (differences) gather(gathered, element, differences);
  }
  return differencesOf(gathered);
}

function compareAlike(type: FieldType, before: readonly unknown[], after: readonly unknown[]): Differences | undefined {
  if (before.length <= 1 && after.length <= 1) return compareValues(type, before[0], after[0]);
  if (before.length >= 2 && after.length >= 2) return equal(before, after) ? undefined : { modified: leaf };
  if (before.length >= 2) return { removed: leaf, ...(after.length > 0 && { added: whole(type, after[0]) }) };
  return { added: leaf, ...(before.length > 0 && { removed: whole(type, before[0]) }) };
}

/** A list's items by their path elements. */
export function byElement(type: ListType, items: readonly unknown[]): Map<string, unknown[]> {
  const found = new Map<string, unknown[]>();
  for (const item of items) {
    const element = elementOf(type, item);
    const alike = found.get(element);
    if (alike) alike.push(item);
    else found.set(element, [item]);
  }
  return found;
}

/** A value that is there on one side alone: it and everything in it. */
function whole(type: FieldType, value: unknown): FieldSet {
  if (type.is === 'leaf') return leaf;
  const children: Record<string, FieldSet> = {};
  if (type.is === 'set' || type.is === 'keyed') {
    for (const item of Array.isArray(value) ? (value as unknown[]) : []) {
      const element = elementOf(type, item);
      children[element] = element in children ? leaf : whole(type.items, item);
    }
  } else if (isObject(value)) {
    for (const key of Object.keys(value).sort()) {
      const field = value[key] === undefined ? undefined : fieldTypeOf(type, key);
      if (field) children[`f:${key}`] = whole(field, value[key]);
    }
  }
  return memberOf(children);
}

function gather(gathered: Gathered, element: string, { added, modified, removed }: Differences): void {
  if (added) (gathered.added ??= {})[element] = added;
  if (modified) (gathered.modified ??= {})[element] = modified;
  if (removed) (gathered.removed ??= {})[element] = removed;
}

function differencesOf(gathered: Gathered): Differences {
  const result: Differences = {};
  for (const sort of ['added', 'modified', 'removed'] as const) {
    const node = nodeOf(gathered[sort], false);
    if (node) result[sort] = node;
  }
  return result;
}

export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
