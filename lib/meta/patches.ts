/** JSON Patch (RFC 6902) and JSON Merge Patch (RFC 7386). Both answer a new document and leave their arguments as they are. */
import { copy, equal } from './equal.ts';
import { ApiError, badRequest } from './errors.ts';

/** Operations that one JSON Patch may have, as upstream allows. */
const maxOperations = 10_000;
/** Characters of JSON that all `copy` operations together may add. */
const maxCopied = 3 * 1024 * 1024;
/** Levels a merge patch may nest. */
const maxDepth = 512;

type Json = Record<string, unknown>;

interface Operation {
  op: string;
  path: string;
  from?: string;
  value?: unknown;
}

/**
 * Applies a JSON Patch. Rejects with BadRequest what is not one, with RequestEntityTooLarge one too long, and with Invalid one
 * that does not apply: a path that is not there, a `test` that fails.
 */
export function applyJsonPatch(document: unknown, patch: unknown): unknown {
  if (!Array.isArray(patch)) throw badRequest('error decoding patch: a JSON patch must be a list of operations');
  if (patch.length > maxOperations) {
    throw new ApiError(
      'RequestEntityTooLarge',
      `The allowed maximum operations in a JSON patch is ${maxOperations}, got ${patch.length}`,
    );
  }
  // A holder makes the whole document a member like any other, so that the empty path needs no rules of its own.
  const holder: Json = { document: copy(document) };
  const budget = { copied: maxCopied };
  for (const operation of patch) applyOperation(holder, checkOperation(operation), budget);
  return holder['document'];
}

function checkOperation(operation: unknown): Operation {
  const { op, path, from } = (operation ?? {}) as Partial<Record<string, unknown>>;
  if (typeof op !== 'string' || typeof path !== 'string') {
    throw badRequest('error decoding patch: every operation needs an op and a path');
  }
  if ((op === 'move' || op === 'copy') && typeof from !== 'string') {
    throw badRequest(`error decoding patch: a ${op} operation needs a from`);
  }
  if ((op === 'add' || op === 'replace') && !Object.hasOwn(operation as object, 'value')) {
    throw badRequest(`error decoding patch: an ${op} operation needs a value`);
  }
  return operation as Operation;
}

function applyOperation(holder: Json, { op, path, from, value }: Operation, budget: { copied: number }): void {
  switch (op) {
    case 'add':
      add(holder, path, copy(value));
      return;
    case 'remove':
      remove(holder, path);
      return;
    case 'replace':
      replace(holder, path, copy(value));
      return;
    case 'test':
      // A missing member equals null, as upstream's library has it.
      if (!equal(read(holder, path) ?? null, value ?? null)) throw refused(`testing value ${path} failed`);
      return;
    case 'copy': {
      const original = mustRead(holder, from!);
      budget.copied -= JSON.stringify(original).length;
      if (budget.copied < 0) throw refused('the copy operations of the patch make the document too large');
      add(holder, path, copy(original));
      return;
    }
    case 'move': {
      const moved = mustRead(holder, from!);
      if (path !== from && path.startsWith(`${from}/`)) throw refused(`cannot move ${from} into itself`);
      remove(holder, from!);
      add(holder, path, moved);
      return;
    }
    default:
      throw badRequest(`error decoding patch: unknown operation ${JSON.stringify(op)}`);
  }
}

/** The parent of what a pointer names, and the last step towards it. */
function locate(holder: Json, path: string): { parent: Json | unknown[]; key: string } {
  if (path !== '' && !path.startsWith('/'))
    throw badRequest(`error decoding patch: ${JSON.stringify(path)} is not a JSON pointer`);
  const steps = ['document', ...path.split('/').slice(1)].map((step) =>
    step.replaceAll('~1', '/').replaceAll('~0', '~'),
  );
  const key = steps.pop()!;
  let parent: unknown = holder;
  for (const step of steps) {
    parent = memberOf(parent, step);
    if (typeof parent !== 'object' || parent === null) throw refused(`${path}: missing path`);
  }
  return { parent: parent as Json | unknown[], key };
}

function memberOf(parent: unknown, key: string): unknown {
  if (typeof parent !== 'object' || parent === null || !Object.hasOwn(parent, key)) return undefined;
  if (Array.isArray(parent) && !/^(0|[1-9]\d*)$/.test(key)) return undefined;
  return (parent as Json)[key];
}

function read(holder: Json, path: string): unknown {
  const { parent, key } = locate(holder, path);
  return memberOf(parent, key);
}

function mustRead(holder: Json, path: string): unknown {
  const value = read(holder, path);
  if (value === undefined) throw refused(`${path}: missing path`);
  return value;
}

function add(holder: Json, path: string, value: unknown): void {
  const { parent, key } = locate(holder, path);
  if (!Array.isArray(parent)) {
    assign(parent, key, value);
    return;
  }
  const index = key === '-' ? parent.length : indexOf(key, path);
  if (index > parent.length) throw refused(`${path}: invalid index referenced`);
  parent.splice(index, 0, value);
}

function remove(holder: Json, path: string): void {
  const { parent, key } = locate(holder, path);
  if (memberOf(parent, key) === undefined)
    throw refused(`remove operation does not apply: doc is missing path: ${path}: missing value`);
  if (Array.isArray(parent)) parent.splice(indexOf(key, path), 1);
  else delete parent[key];
}

function replace(holder: Json, path: string, value: unknown): void {
  const { parent, key } = locate(holder, path);
  if (memberOf(parent, key) === undefined)
    throw refused(`replace operation does not apply: doc is missing key: ${path}: missing value`);
  if (Array.isArray(parent)) parent[indexOf(key, path)] = value;
  else assign(parent, key, value);
}

function indexOf(key: string, path: string): number {
  if (!/^(0|[1-9]\d*)$/.test(key)) throw refused(`${path}: invalid index referenced`);
  return Number(key);
}

/** A key may be `__proto__`, which must become a member and nothing else. */
function assign(parent: Json, key: string, value: unknown): void {
  if (key === '__proto__')
    Object.defineProperty(parent, key, { value, enumerable: true, writable: true, configurable: true });
  else parent[key] = value;
}

/** A patch that is well formed but does not fit the document. Upstream does not tell clients why. */
function refused(because: string): ApiError {
  return new ApiError(
    'Invalid',
    'the server rejected our request due to an error in our request',
    {},
    { cause: because },
  );
}

/** Applies a merge patch: maps merge, null removes, everything else replaces. */
export function applyMergePatch(document: unknown, patch: unknown, depth = maxDepth): unknown {
  if (depth === 0) throw badRequest('error decoding patch: nested too deeply');
  if (!isMap(patch)) return copy(patch);
  const result: Json = isMap(document) ? { ...document } : {};
  for (const key of Object.keys(patch)) {
    if (patch[key] === null) delete result[key];
    else
      assign(result, key, applyMergePatch(Object.hasOwn(result, key) ? result[key] : undefined, patch[key], depth - 1));
  }
  return result;
}

function isMap(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
