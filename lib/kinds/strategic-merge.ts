/**
 * Strategic merge patch: a merge patch that knows the schema. Lists whose field says so merge by a key of their items, and directives
 * (`$patch`, `$retainKeys`, `$setElementOrder/<list>`, `$deleteFromPrimitiveList/<list>`) say what a plain merge cannot. Rules and
 * refusals of upstream's `apimachinery/pkg/util/strategicpatch`, of which most carry no reason.
 */
import { isWithin } from '#lib/meta/depth.ts';
import { badRequest, plainError, unprocessable } from '#lib/meta/errors.ts';
import { goPrint } from '#lib/meta/go-print.ts';
import { isMap, put } from '#lib/meta/json-map.ts';
import type { Json } from '#lib/meta/json-map.ts';
import { orderedAs, wrongType } from './merge-order.ts';
import { schemaType, type SchemaField } from './schema.ts';
import { jsonTypeOf } from './structure-scalars.ts';

/** Levels that a patch may nest. */
const maxDepth = 512;
const orderPrefix = '$setElementOrder/';
const deletePrefix = '$deleteFromPrimitiveList/';

/** Applies `patch` to an object of this definition name; answers a new object and leaves its arguments as they are. */
export function applyStrategicMerge(original: unknown, patch: unknown, schema: string): unknown {
  if (!isMap(patch)) {
    throw badRequest(`json: cannot unmarshal ${jsonTypeOf(patch)} into Go value of type map[string]interface {}`);
  }
  if (!isWithin(patch, maxDepth)) throw badRequest('exceeded max depth');
  return mergeMap(isMap(original) ? original : {}, patch, { $ref: schema });
}

function mergeMap(original: Json, patch: Json, facts: SchemaField): Json {
  if (Object.hasOwn(patch, '$patch')) return directed(patch);
  const result = retained(original, patch);
  const done = new Set(['$retainKeys']);
  for (const key of Object.keys(patch)) {
    if (!key.startsWith(orderPrefix)) continue;
    const name = key.slice(orderPrefix.length);
    mergeInOrder(result, patch, name, patch[key], facts);
    for (const handled of [key, name]) done.add(handled);
  }
  for (const [key, value] of Object.entries(patch)) {
    if (done.has(key)) continue;
    if (key.startsWith(deletePrefix)) removeValues(result, key.slice(deletePrefix.length), value, facts);
    else if (value === null) delete result[key];
    else mergeMember(result, key, value, facts);
  }
  return result;
}

/** A map with a directive of its own takes nothing from the original. */
function directed(patch: Json): Json {
  const { $patch: directive, ...rest } = patch;
  if (directive === 'replace') return rest;
  if (directive === 'delete') return {};
  throw plainError(`unknown patch type: ${goPrint(directive)} in map: ${goPrint(patch)}`);
}

/** A copy of the original, with only the keys that `$retainKeys` names where the patch has that directive. */
function retained(original: Json, patch: Json): Json {
  if (!Object.hasOwn(patch, '$retainKeys')) return { ...original };
  const keep = patch['$retainKeys'];
  if (!Array.isArray(keep)) throw badRetainKeys();
  for (const [key, value] of Object.entries(patch)) {
    const isBare = key === '$retainKeys' || value === null || key.startsWith(deletePrefix);
    if (!isBare && !key.startsWith(orderPrefix) && !keep.includes(key)) throw badRetainKeys();
  }
  return Object.fromEntries(Object.entries(original).filter(([key]) => keep.includes(key)));
}

const badRetainKeys = () => badRequest('invalid patch format of retainKeys');

function mergeMember(result: Json, key: string, value: unknown, facts: SchemaField): void {
  const before = Object.hasOwn(result, key) ? result[key] : undefined;
  if (isMap(before) && isMap(value)) {
    const field = knownField(facts, key);
    put(result, key, strategyOf(field) === 'replace' ? value : mergeMap(before, value, field));
  } else if (Array.isArray(before) && Array.isArray(value)) {
    put(result, key, mergeList(before, value, knownField(facts, key)));
  } else {
    const fresh = asNew(value);
    if (fresh === undefined) delete result[key];
    else put(result, key, fresh);
  }
}

/** The list as the patch leaves it, in the order that it gives. */
function mergeInOrder(result: Json, patch: Json, name: string, order: unknown, facts: SchemaField): void {
  if (!Array.isArray(order)) throw wrongType('[]interface {}', order);
  const before = Object.hasOwn(result, name) ? result[name] : undefined;
  const change = Object.hasOwn(patch, name) ? patch[name] : undefined;
  for (const list of [before, change]) {
    if (list !== undefined && !Array.isArray(list)) throw wrongType('[]interface {}', list);
  }
  const [ours, theirs] = [before as unknown[] | undefined, change as unknown[] | undefined];
  const field = knownField(facts, name);
  checkOrder(theirs ?? [], order, field.pk);
  if (!ours && !theirs) return;
  const merged = !theirs ? ours! : !ours ? (asNew(theirs) as unknown[]) : mergeList(ours, theirs, field);
  put(result, name, orderedAs(merged, order, ours ?? [], field.pk));
}

/** What the patch has in a list must be named by the order, in that order. */
function checkOrder(patch: readonly unknown[], order: readonly unknown[], pk: string | undefined): void {
  const named = pk === undefined ? patch : patch.filter((item) => !(isMap(item) && Object.hasOwn(item, '$patch')));
  if (order.length === 0 || patch.length === 0) return;
  let next = 0;
  for (const item of order) {
    if (next < named.length && keyOf(named[next], pk) === keyOf(item, pk)) next++;
  }
  if (next < named.length) {
    throw plainError(
      `The order in patch list:\n${goPrint(patch)}\n doesn't match $setElementOrder list:\n${goPrint(order)}\n`,
    );
  }
}

function mergeList(before: unknown[], patch: unknown[], field: SchemaField): unknown[] {
  if (strategyOf(field) !== 'merge') return patch;
  const all = [...before, ...patch];
  if (all.length === 0) return before;
  if (all.some((item) => Array.isArray(item))) throw unprocessable('lists of lists are not supported');
  if (!all.some(isMap)) return orderedAs([...new Set(all)], patch, before, undefined);
  if (field.pk === undefined) throw plainError('cannot merge lists without merge key for type map');
  const { kept, changes } = withoutDirected(before, patch, field.pk);
  const merged = mergeItems(kept, changes, field.pk, field.items ?? {});
  return orderedAs(merged, changes, kept, field.pk);
}

/** The list without the items that the patch deletes, and what else the patch says of items. */
function withoutDirected(
  before: unknown[],
  patch: readonly unknown[],
  pk: string,
): { kept: unknown[]; changes: unknown[] } {
  const gone = new Set<unknown>();
  let isReplaced = false;
  const changes: unknown[] = [];
  for (const item of patch) {
    if (!isMap(item)) throw wrongType('map[string]interface {}', item);
    if (!Object.hasOwn(item, '$patch')) {
      changes.push(item);
      continue;
    }
    const directive = item['$patch'];
    if (directive === 'delete') gone.add(keyOf(item, pk));
    else if (directive === 'replace') isReplaced = true;
    else if (directive === 'merge') throw plainError('merging lists cannot yet be specified in the patch');
    else throw plainError(`unknown patch type: ${goPrint(directive)} in map: ${goPrint(item)}`);
  }
  if (isReplaced) return { kept: changes, changes: [] };
  return { kept: before.filter((item) => !(isMap(item) && gone.has(item[pk]))), changes };
}

function mergeItems(before: unknown[], changes: readonly unknown[], pk: string, facts: SchemaField): unknown[] {
  const merged = [...before];
  const places = new Map<unknown, number>();
  for (const [at, item] of before.entries()) {
    if (isMap(item) && Object.hasOwn(item, pk) && !places.has(item[pk])) places.set(item[pk], at);
  }
  for (const change of changes as Json[]) {
    const key = keyOf(change, pk);
    const at = places.get(key);
    if (at === undefined) places.set(key, merged.push(asNew(change)) - 1);
    else merged[at] = mergeMap(merged[at] as Json, change, facts);
  }
  return merged;
}

/** Takes values out of a list of scalars. */
function removeValues(result: Json, key: string, values: unknown, facts: SchemaField): void {
  const list = Object.hasOwn(result, key) ? result[key] : undefined;
  if (!Array.isArray(list) || !Array.isArray(values)) return;
  const gone = new Set<unknown>(values);
  if (strategyOf(knownField(facts, key)) !== 'merge') put(result, key, values);
  else
    put(
      result,
      key,
      orderedAs(
        list.filter((item) => !gone.has(item)),
        [],
        list,
        undefined,
      ),
    );
}

/** A value where there was none: without nulls, and without what is marked by a directive. Undefined when nothing is left of it. */
function asNew(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(asNew).filter((item) => item !== undefined);
  if (!isMap(value)) return value;
  if (Object.hasOwn(value, '$patch')) return undefined;
  const result: Json = {};
  for (const [key, item] of Object.entries(value)) {
    const fresh = item === null ? undefined : asNew(item);
    if (fresh !== undefined) put(result, key, fresh);
  }
  return result;
}

/** What the schema says of a member of a struct or map; nothing for free-form JSON. */
function knownField(facts: SchemaField, key: string): SchemaField {
  if (!facts.$ref) return facts.additionalProperties ?? {};
  const { props = {} } = schemaType(facts.$ref);
  if (Object.hasOwn(props, key)) return props[key]!;
  if (Object.keys(props).length === 0) return {};
  const struct = facts.$ref.slice(facts.$ref.lastIndexOf('.') + 1);
  throw plainError(`unable to find api field in struct ${struct} for the json field ${JSON.stringify(key)}`);
}

function strategyOf(field: SchemaField): string | undefined {
  return field.ps?.split(',').find((name) => name !== 'retainKeys');
}

/** What tells an item of a list apart; the item itself in a list of scalars. */
function keyOf(item: unknown, pk: string | undefined): unknown {
  if (pk === undefined) return item;
  if (!isMap(item)) throw wrongType('map[string]interface {}', item);
  if (!Object.hasOwn(item, pk)) {
    throw plainError(`map: ${goPrint(item)} does not contain declared merge key: ${pk}`);
  }
  return item[pk];
}
