/**
 * JSON Patch (RFC 6902) and JSON Merge Patch (RFC 7386). Both answer a new document and leave their arguments as they are. Where upstream's
 * library is laxer than the RFC, so is this: what is absent counts as null, a replacement may add a member, indexes may count from the end.
 */
import { isWithin } from './depth.ts';
import { copy, equal } from './equal.ts';
import { ApiError, badRequest, unprocessable } from './errors.ts';
import { isMap, put } from './json-map.ts';
import type { Json } from './json-map.ts';

/** Operations that one JSON Patch may have, as upstream allows. */
const maxOperations = 10_000;
/** Characters of JSON that all `copy` operations together may add. */
const maxCopied = 3 * 1024 * 1024;
/** Levels a merge patch may nest. */
const maxDepth = 512;

interface Operation {
  op?: string | null;
  path?: string | null;
  from?: string | null;
  value?: unknown;
}

const members = ['op', 'path', 'from', 'value'];

/** Members of operations that mean nothing, as sentences. */
export function unknownMembers(patch: unknown): string[] {
  return (Array.isArray(patch) ? (patch as unknown[]) : []).flatMap((operation, i) =>
    Object.keys(operation ?? {})
      .filter((name) => !members.includes(name))
      .map((name) => `unknown field "[${i}].${name}"`),
  );
}

/**
 * Applies a JSON Patch. Rejects with BadRequest what is not one, with RequestEntityTooLarge one too long, and with Invalid one
 * that does not apply: a path that is not there, a `test` that fails.
 */
export function applyJsonPatch(document: unknown, patch: unknown): unknown {
  const operations = checked(patch);
  if (operations.length > maxOperations) {
    const because = `The allowed maximum operations in a JSON patch is ${maxOperations}, got ${operations.length}`;
    throw new ApiError('RequestEntityTooLarge', `Request entity too large: ${because}`);
  }
  // A holder makes the whole document a member like any other, so that the empty path needs few rules of its own.
  const holder: Json = { document: copy(document) };
  const budget = { copied: maxCopied };
  for (const operation of operations) applyOperation(holder, operation ?? {}, budget);
  return holder['document'];
}

/** The patch as Go would decode it. */
function checked(patch: unknown): readonly (Operation | null)[] {
  const refuse = (value: unknown, into: string) =>
    badRequest(`error decoding patch: json: cannot unmarshal ${jsonTypeOf(value)} into Go ${into}`);
  if (patch === null) return [];
  if (!Array.isArray(patch)) throw refuse(patch, 'value of type []handlers.jsonPatchOp');
  for (const operation of patch as unknown[]) {
    if (operation === null) continue;
    if (!isMap(operation)) throw refuse(operation, 'value of type handlers.jsonPatchOp');
    for (const name of ['op', 'path', 'from']) {
      const value = operation[name] ?? '';
      if (typeof value !== 'string') throw refuse(value, `struct field jsonPatchOp.${name} of type string`);
    }
  }
  return patch as Operation[];
}

function jsonTypeOf(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  return typeof value === 'boolean' ? 'bool' : typeof value;
}

function applyOperation(holder: Json, operation: Operation, budget: { copied: number }): void {
  const { op } = operation;
  const value = operation.value ?? null;
  switch (op) {
    case 'add':
      return add(holder, pathOf(operation), copy(value));
    case 'remove':
      remove(holder, pathOf(operation));
      return;
    case 'replace':
      return replace(holder, pathOf(operation), copy(value));
    case 'test':
      return test(holder, pathOf(operation), value);
    case 'copy': {
      const original = read(holder, fromOf(operation)) ?? null;
      budget.copied -= JSON.stringify(original).length;
      if (budget.copied < 0) throw unprocessable('the copy operations of the patch make the document too large');
      return add(holder, pathOf(operation), copy(original));
    }
    case 'move':
      return add(holder, pathOf(operation), remove(holder, fromOf(operation)));
    default:
      throw unprocessable(`Unexpected kind: ${op ?? 'unknown'}`);
  }
}

function pathOf({ path }: Operation): string {
  if (typeof path !== 'string') throw unprocessable('operation missing path field');
  return path;
}

function fromOf({ from }: Operation): string {
  if (typeof from !== 'string') throw unprocessable('operation, missing from field');
  return from;
}

/** The parent of what a pointer names, and the last step towards it. Refuses the document itself, which has no parent. */
function locate(holder: Json, path: string): { parent: Json | unknown[]; key: string } {
  const [, ...steps] = path.split('/');
  const names = steps.map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
  const key = names.pop();
  if (key === undefined) throw unprocessable(`${path}: missing path`);
  let parent: unknown = holder['document'];
  for (const name of names) parent = memberOf(parent, name);
  if (typeof parent !== 'object' || parent === null) throw unprocessable(`${path}: missing path`);
  return { parent: parent as Json | unknown[], key };
}

/** A member, or undefined for one that is not there; refuses an item that is not. */
function memberOf(parent: unknown, key: string): unknown {
  if (typeof parent !== 'object' || parent === null) return undefined;
  if (Array.isArray(parent)) return parent[indexOf(key, parent.length)];
  return Object.hasOwn(parent, key) ? (parent as Json)[key] : undefined;
}

function read(holder: Json, path: string): unknown {
  const { parent, key } = locate(holder, path);
  return memberOf(parent, key);
}

function test(holder: Json, path: string, value: unknown): void {
  const is = path === '' ? holder['document'] : read(holder, path);
  if (!equal(is ?? null, value)) throw unprocessable(`testing value ${path} failed`);
}

function add(holder: Json, path: string, value: unknown): void {
  const { parent, key } = locate(holder, path);
  if (!Array.isArray(parent)) put(parent, key, value);
  else if (key === '-') parent.push(value);
  // One place more than there are items.
  else parent.splice(indexOf(key, parent.length + 1), 0, value);
}

/** Takes a member out and answers it. */
function remove(holder: Json, path: string): unknown {
  const { parent, key } = locate(holder, path);
  if (Array.isArray(parent)) return parent.splice(indexOf(key, parent.length), 1)[0];
  if (!Object.hasOwn(parent, key)) throw unprocessable(`Unable to remove nonexistent key: ${key}: missing value`);
  const removed = parent[key];
  delete parent[key];
  return removed;
}

function replace(holder: Json, path: string, value: unknown): void {
  if (path === '') {
    if (typeof value !== 'object' || value === null)
      throw unprocessable('replace operation value must be object or array');
    holder['document'] = value;
    return;
  }
  const { parent, key } = locate(holder, path);
  if (Array.isArray(parent)) parent[indexOf(key, parent.length)] = value;
  else put(parent, key, value);
}

/** An index as Go reads one, below `length`; a negative one counts from the end. */
function indexOf(key: string, length: number): number {
  const index = /^[+-]?\d{1,9}$/.test(key) ? Number(key) : NaN;
  const place = index < 0 ? index + length : index;
  if (!(place >= 0 && place < length)) throw unprocessable(`Unable to access invalid index: ${key}`);
  return place;
}

/** Applies a merge patch: maps merge, null removes, everything else replaces. Rejects with BadRequest a patch that is no map. */
export function applyMergePatch(document: unknown, patch: unknown): unknown {
  if (patch === null) throw badRequest('Invalid JSON Patch');
  if (!isMap(patch)) {
    const type = 'map[string]interface {}';
    throw badRequest(`error decoding patch: json: cannot unmarshal ${jsonTypeOf(patch)} into Go value of type ${type}`);
  }
  if (!isWithin(patch, maxDepth)) throw badRequest('error decoding patch: exceeded max depth');
  return mergeMaps(isMap(document) ? document : {}, patch);
}

function mergeMaps(document: Json, patch: Json): Json {
  const result: Json = { ...document };
  for (const key of Object.keys(patch)) {
    const change = patch[key];
    const before = Object.hasOwn(result, key) ? result[key] : undefined;
    if (change === null) delete result[key];
    else if (!isMap(before)) put(result, key, pruned(change));
    else put(result, key, isMap(change) ? mergeMaps(before, change) : copy(change));
  }
  return result;
}

/** A value where there was no map: without nulls, in lists too. */
function pruned(value: unknown): unknown {
  if (Array.isArray(value)) return value.filter((item) => item !== null).map(pruned);
  if (!isMap(value)) return value;
  const result: Json = {};
  for (const key of Object.keys(value)) if (value[key] !== null) put(result, key, pruned(value[key]));
  return result;
}
