/**
 * Strategic merge patch: a merge patch that knows the schema. Lists whose field says so merge by a key of their items, and directives
 * (`$patch`, `$retainKeys`, `$setElementOrder/<list>`, `$deleteFromPrimitiveList/<list>`) say what a plain merge cannot. Rules of upstream's
 * `apimachinery/pkg/util/strategicpatch`.
 */
import { copy, equal } from '#lib/meta/equal.ts';
import { badRequest } from '#lib/meta/errors.ts';
import { schemaType, type SchemaField } from './schema.ts';

/** Levels that a patch may nest. */
const maxDepth = 512;
const orderPrefix = '$setElementOrder/';
const deletePrefix = '$deleteFromPrimitiveList/';

type Json = Record<string, unknown>;

/** Applies `patch` to an object of this definition name; answers a new object, rejects with BadRequest a patch that makes no sense. */
export function applyStrategicMerge(original: unknown, patch: unknown, schema: string): unknown {
  if (!isMap(original) || !isMap(patch))
    throw badRequest('error decoding patch: a strategic merge patch must be an object');
  return mergeMap(original, patch, { $ref: schema }, maxDepth);
}

function mergeMap(original: Json, patch: Json, facts: SchemaField, depth: number): Json {
  if (depth === 0) throw badRequest('error decoding patch: nested too deeply');
  const directive = patch['$patch'];
  if (directive === 'replace') return plain(without(patch, '$patch'), facts, depth) as Json;
  if (directive === 'delete') return {};
  if (directive !== undefined && directive !== 'merge') {
    throw badRequest(`unrecognized patch type: ${JSON.stringify(directive)} in map`);
  }
  const result = retained(original, patch);
  for (const [key, value] of Object.entries(patch)) {
    if (key === '$patch' || key === '$retainKeys') continue;
    if (key.startsWith(orderPrefix) || key.startsWith(deletePrefix)) continue;
    const field = fieldOf(facts, key);
    if (value === null) delete result[key];
    else if (Array.isArray(value))
      put(result, key, mergeField(result[key], value, field, patch[orderPrefix + key], depth));
    else if (!isMap(value)) put(result, key, value);
    else if (isMap(result[key]) && !strategies(field).includes('replace')) {
      put(result, key, mergeMap(result[key], value, field, depth - 1));
    } else put(result, key, plain(value, field, depth));
  }
  for (const [key, value] of Object.entries(patch)) {
    if (key.startsWith(deletePrefix)) removeValues(result, key.slice(deletePrefix.length), value);
    else if (key.startsWith(orderPrefix)) reorder(result, key.slice(orderPrefix.length), value, patch, original, facts);
  }
  return result;
}

/** A copy of the original, with only the keys that `$retainKeys` names where the patch has that directive. */
function retained(original: Json, patch: Json): Json {
  const keep = patch['$retainKeys'];
  if (keep === undefined) return { ...original };
  if (!Array.isArray(keep)) throw badRequest('error decoding patch: $retainKeys must be a list');
  for (const key of Object.keys(patch)) {
    if (!key.startsWith('$') && patch[key] !== null && !keep.includes(key)) {
      throw badRequest(`error decoding patch: ${JSON.stringify(key)} is set but missing from $retainKeys`);
    }
  }
  return Object.fromEntries(Object.entries(original).filter(([key]) => keep.includes(key)));
}

function mergeField(before: unknown, patch: unknown[], field: SchemaField, order: unknown, depth: number): unknown[] {
  if (!strategies(field).includes('merge')) return patch.map((item) => plain(item, field.items ?? {}, depth));
  const list = Array.isArray(before) ? before : [];
  const merged = field.pk === undefined ? union(list, patch) : mergeList(list, patch, field, field.pk, depth);
  // An explicit order is applied afterwards, once deletions from the list are done.
  return order === undefined ? arrange(merged, patch, list, field.pk) : merged;
}

function union(list: unknown[], patch: unknown[]): unknown[] {
  return [...list, ...patch].filter((item, i, all) => all.findIndex((other) => equal(other, item)) === i);
}

function mergeList(list: unknown[], patch: unknown[], field: SchemaField, key: string, depth: number): unknown[] {
  const item = field.items ?? {};
  const patches = patch.map((entry) => {
    if (!isMap(entry))
      throw badRequest(`error decoding patch: an item of a list merged by ${JSON.stringify(key)} must be an object`);
    return entry;
  });
  let result = list;
  if (patches.some((entry) => entry['$patch'] === 'replace')) result = [];
  for (const entry of patches) {
    if (entry['$patch'] === 'replace' && entry[key] === undefined) continue;
    if (entry[key] === undefined) {
      throw badRequest(`map: ${JSON.stringify(entry)} does not contain declared merge key: ${key}`);
    }
    const at = result.findIndex((other) => keyIn(other, key) === entry[key]);
    if (entry['$patch'] === 'delete') result = result.filter((other) => keyIn(other, key) !== entry[key]);
    else if (at < 0) result = [...result, plain(without(entry, '$patch'), item, depth)];
    else result = result.with(at, mergeMap(result[at] as Json, without(entry, '$patch'), item, depth - 1));
  }
  return result;
}

function removeValues(result: Json, key: string, values: unknown): void {
  if (!Array.isArray(values)) throw badRequest(`error decoding patch: ${deletePrefix}${key} must be a list`);
  const list = result[key];
  if (Array.isArray(list))
    put(
      result,
      key,
      list.filter((item) => !values.some((value) => equal(item, value))),
    );
}

function reorder(result: Json, key: string, order: unknown, patch: Json, original: Json, facts: SchemaField): void {
  if (!Array.isArray(order)) throw badRequest(`error decoding patch: ${orderPrefix}${key} must be a list`);
  const { pk } = fieldOf(facts, key);
  const identify = (item: unknown) => (pk === undefined ? item : keyIn(item, pk));
  const named = order.map(identify);
  const patched = patch[key];
  if (Array.isArray(patched)) {
    const stray = patched.find((item) => (item as Json)?.['$patch'] !== 'delete' && !named.includes(identify(item)));
    if (stray !== undefined && identify(stray) !== undefined) {
      throw badRequest(
        `The order in patch list:\n${JSON.stringify(patched)}\n doesn't match ${orderPrefix} list:\n${JSON.stringify(order)}\n`,
      );
    }
  }
  const before = original[key];
  if (Array.isArray(result[key]))
    put(result, key, arrange(result[key], order, Array.isArray(before) ? before : [], pk));
}

/**
 * Items that the patch names stand in the patch's order; the others keep their order and their place before those that followed
 * them in the original.
 */
function arrange(merged: unknown[], order: unknown[], original: unknown[], pk: string | undefined): unknown[] {
  const identify = (item: unknown) => (pk === undefined ? item : keyIn(item, pk));
  const rankIn = (list: unknown[]) => new Map(list.map((item, i) => [identify(item), i]));
  const wanted = rankIn(order);
  const place = rankIn(original);
  const named = merged
    .filter((item) => wanted.has(identify(item)))
    .sort((a, b) => wanted.get(identify(a))! - wanted.get(identify(b))!);
  const others = merged.filter((item) => !wanted.has(identify(item)));
  const result: unknown[] = [];
  let next = 0;
  for (const item of named) {
    const at = place.get(identify(item)) ?? -1;
    while (next < others.length && (place.get(identify(others[next])) ?? Infinity) < at) {
      result.push(others[next++]);
    }
    result.push(item);
  }
  return [...result, ...others.slice(next)];
}

/** A patch's value as it is when there is nothing to merge it with: without nulls and directives. */
function plain(value: unknown, facts: SchemaField, depth: number): unknown {
  if (isMap(value)) return mergeMap({}, value, facts, depth - 1);
  if (!Array.isArray(value)) return value;
  return strategies(facts).includes('merge') && facts.pk !== undefined
    ? mergeList([], value, facts, facts.pk, depth)
    : value.map((item: unknown) => (isMap(item) ? plain(item, facts.items ?? {}, depth) : copy(item)));
}

/** What the schema says of a member of a struct or map; nothing for free-form JSON. */
function fieldOf(facts: SchemaField, key: string): SchemaField {
  if (facts.$ref) {
    const props = schemaType(facts.$ref).props ?? {};
    return Object.hasOwn(props, key) ? props[key]! : {};
  }
  return facts.additionalProperties ?? {};
}

function strategies(field: SchemaField): string[] {
  return field.ps?.split(',') ?? [];
}

function keyIn(item: unknown, key: string): unknown {
  return isMap(item) && Object.hasOwn(item, key) ? item[key] : undefined;
}

function without(map: Json, key: string): Json {
  const { [key]: _, ...rest } = map;
  return rest;
}

/** A key may be `__proto__`, which must become a member and nothing else. */
function put(map: Json, key: string, value: unknown): void {
  if (key === '__proto__')
    Object.defineProperty(map, key, { value, enumerable: true, writable: true, configurable: true });
  else map[key] = value;
}

function isMap(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
