/** What differs between two objects of a type, as sets of fields. */
import { equal } from '#lib/meta/equal.ts';
import { leaf, nodeOf } from './field-set.ts';
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

/** Compares two objects field by field. */
export function compare(type: StructType, before: object, after: object): Comparison {
  const { added = leaf, modified = leaf, removed = leaf } = compareFields(type, before as Json, after as Json) ?? {};
  return { added, modified, removed };
}

function compareValues(type: FieldType, before: unknown, after: unknown): Differences | undefined {
  if (before === after) return undefined;
  if (before === undefined) return { added: whole(type, after) };
  if (after === undefined) return { removed: whole(type, before) };
  switch (type.is) {
    case 'leaf':
      return modifiedUnlessEqual(before, after);
    case 'set':
    case 'keyed':
      // Null stands for empty, but to have nothing and to have null is not the same.
      if (lengthOf(before) + lengthOf(after) === 0) return modifiedUnlessEqual(before, after);
      return compareItems(type, before as unknown[] | null, after as unknown[] | null);
    default: {
      if (type.is === 'free' && !(isObject(before) && isObject(after))) return modifiedUnlessEqual(before, after);
      const [was, is] = [before ?? nothing, after ?? nothing];
      if (was === is) return modifiedUnlessEqual(before, after);
      return compareFields(type, was as Json, is as Json);
    }
  }
}

const nothing: Json = Object.freeze({});

function lengthOf(list: unknown): number {
  return Array.isArray(list) ? list.length : 0;
}

function modifiedUnlessEqual(before: unknown, after: unknown): Differences | undefined {
  return equal(before, after) ? undefined : { modified: leaf };
}

function compareFields(
  type: FieldType & { is: 'struct' | 'map' | 'free' },
  before: Json,
  after: Json,
): Differences | undefined {
  const found = collect();
  const empties = type.is === 'struct' ? type.empties : undefined;
  const visit = (key: string, was: unknown, is: unknown) => {
    if (was === is) return;
    const field = fieldTypeOf(type, key);
    if (!field) return;
    const missing = empties?.get(key);
    found.add(`f:${key}`, compareValues(field, was ?? missing, is ?? missing));
  };
  for (const key of Object.keys(after)) visit(key, Object.hasOwn(before, key) ? before[key] : undefined, after[key]);
  for (const key of Object.keys(before)) if (!Object.hasOwn(after, key)) visit(key, before[key], undefined);
  return found.all();
}

/** The type of a field or map entry; undefined for a field that the schema does not know. */
export function fieldTypeOf(type: FieldType & { is: 'struct' | 'map' | 'free' }, key: string): FieldType | undefined {
  if (type.is === 'struct') return type.fields.get(key);
  return type.is === 'map' ? type.items : freeType;
}

/** Items are matched by what tells them apart. Those of which there are several alike count as one field together. */
function compareItems(
  type: ListType,
  before: readonly unknown[] | null,
  after: readonly unknown[] | null,
): Differences | undefined {
  const found = collect();
  const left = byElement(type, before ?? []);
  const right = byElement(type, after ?? []);
  for (const element of new Set([...left.keys(), ...right.keys()])) {
    const was = left.get(element) ?? [];
    const is = right.get(element) ?? [];
    if (was.length <= 1 && is.length <= 1) found.add(element, compareValues(type.items, was[0], is[0]));
    else if (was.length >= 2 && is.length >= 2) found.add(element, modifiedUnlessEqual(was, is));
    else if (was.length >= 2) {
      found.add(element, { removed: leaf, ...(is.length > 0 && { added: whole(type.items, is[0]) }) });
    } else found.add(element, { added: leaf, ...(was.length > 0 && { removed: whole(type.items, was[0]) }) });
  }
  return found.all();
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
    for (const [element, items] of byElement(type, Array.isArray(value) ? value : [])) {
      children[element] = items.length > 1 ? leaf : whole(type.items, items[0]);
    }
  } else if (isObject(value)) {
    for (const key of Object.keys(value)) {
      const field = value[key] === undefined ? undefined : fieldTypeOf(type, key);
      if (field) children[`f:${key}`] = whole(field, value[key]);
    }
  }
  return nodeOf(children, true)!;
}

/** Gathers the differences of fields or items into those of what holds them. */
function collect() {
  const found: { [sort in keyof Comparison]?: Record<string, FieldSet> } = {};
  let any = false;
  const take = (sort: keyof Comparison, element: string, node: FieldSet | undefined) => {
    if (node) (found[sort] ??= {})[element] = node;
  };
  return {
    add(element: string, differences: Differences | undefined) {
      if (!differences) return;
      any = true;
      take('added', element, differences.added);
      take('modified', element, differences.modified);
      take('removed', element, differences.removed);
    },
    all(): Differences | undefined {
      if (!any) return undefined;
      const result: Differences = {};
      for (const sort of ['added', 'modified', 'removed'] as const) {
        const node = nodeOf(found[sort], false);
        if (node) result[sort] = node;
      }
      return result;
    },
  };
}

export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
