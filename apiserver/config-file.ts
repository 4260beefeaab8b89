/** Files that configure the API server: YAML of one declared kind, in which no field is unknown, of another type, or given twice. */
import { parseDocument } from 'yaml';

/** What a field holds: a scalar, a list of one shape, or an object with these fields; `{}` has none. */
export type Shape = 'string' | 'boolean' | readonly [Shape] | { readonly [field: string]: Shape };

export interface ConfigKind {
  apiVersion: string;
  kind: string;
  /** Besides apiVersion and kind. */
  fields: { readonly [field: string]: Shape };
}

/** Reads the text of such a file. Throws an Error that names the field, and never repeats a value: some are secret. */
export function readConfigFile(text: string, { apiVersion, kind, fields }: ConfigKind): Record<string, unknown> {
  const fail = (because: string) => new Error(`Cannot read the ${kind}: ${because}`);
  const document = parseDocument(text, { prettyErrors: false });
  const [fault] = document.errors;
  if (fault) throw fail(`not YAML of one document, near character ${fault.pos[0]} (${fault.code})`);
  const value: unknown = document.toJS({ maxAliasCount: 100 });
  if (!isObject(value)) throw fail('it is empty');
  if (value.kind !== kind || value.apiVersion !== apiVersion)
    throw fail(`it must say "apiVersion: ${apiVersion}" and "kind: ${kind}"`);
  const [misfit] = misfits(
    value,
    { ...fields, apiVersion: 'string', kind: 'string', metadata: { name: 'string' } },
    '',
  );
  if (misfit !== undefined) throw fail(misfit);
  return value;
}

/** The ways in which a value is not of its shape. An absent field, or one that is null, is none. */
function* misfits(value: unknown, shape: Shape, path: string): Iterable<string> {
  if (value === undefined || value === null) return;
  if (typeof shape === 'string') {
    if (typeof value !== shape) yield `${path} must be a ${shape}`;
  } else if (isList(shape)) {
    if (!Array.isArray(value)) return yield `${path} must be a list`;
    for (const [i, item] of value.entries()) {
      if (item === null) yield `${path}[${i}] must not be empty`;
      yield* misfits(item, shape[0], `${path}[${i}]`);
    }
  } else {
    if (!isObject(value)) return yield `${path} must be an object`;
    for (const [field, inner] of Object.entries(value)) {
      const inside = path === '' ? field : `${path}.${field}`;
      if (Object.hasOwn(shape, field)) yield* misfits(inner, shape[field]!, inside);
      else yield `strict decoding error: unknown field "${inside}"`;
    }
  }
}

function isList(shape: Exclude<Shape, string>): shape is readonly [Shape] {
  return Array.isArray(shape);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
