/**
 * Structural decoding: makes plain JSON fit an API type, as upstream's decoding into Go structs does. Unknown fields are dropped and
 * reported, values of a wrong JSON type are refused, quantities and times get their canonical text, and scalars and lists
 * that hold nothing are filled in or left out as Go would write them. What may be in a field beyond its shape (enums, ranges) is validation's.
 */
import { ApiError, badRequest } from '#lib/meta/errors.ts';
import type { Resource } from '#lib/meta/object.ts';
import type { CustomType, Kind } from './define-kind.ts';
import { isOmitted, isZero } from './omitted.ts';
import { schemaType, type SchemaField } from './schema.ts';
import {
  canonicalBytes,
  canonicalTime,
  decodeAmount,
  decodeQuantity,
  goName,
  goTypeOf,
  jsonTypeOf,
  shortName,
} from './structure-scalars.ts';

/** Levels that free-form JSON may nest. */
const maxDepth = 512;
/** Unknown fields that are reported; further ones are dropped without a word. */
const maxUnknown = 64;

type Json = Record<string, unknown>;
type Decoder = (value: unknown, context: Context) => unknown;

interface Context {
  path: (string | number)[];
  unknown: string[];
}

/** How unknown fields are treated: refused, told, or dropped silently. */
type FieldValidation = 'Strict' | 'Warn' | 'Ignore';

/**
 * Decodes a body as an object of `kind`, taking the body over: it is changed in place and becomes the object. Answers the
 * warnings that `Warn` gives. Rejects with BadRequest what does not fit, and under `Strict` unknown fields too.
 */
export function decodeObject<T extends Resource>(
  kind: Kind<T>,
  body: unknown,
  fieldValidation: FieldValidation = 'Warn',
): { object: T; warnings: string[] } {
  const warnings = decodeAs(kind, body, fieldValidation);
  return { object: body as T, warnings };
}

/** As decodeObject(), for bodies that are not of a stored kind: `Scale`, `DeleteOptions`, `Binding`. `duplicates` are sentences on keys that the text gave twice. */
export function decodeAs(
  type: { apiVersion: string; kind: string; schema: string; custom?: CustomType | undefined },
  body: unknown,
  fieldValidation: FieldValidation = 'Warn',
  duplicates: readonly string[] = [],
): string[] {
  const { kind, apiVersion } = type;
  const version = apiVersion.slice(apiVersion.indexOf('/') + 1);
  const cannot = `${kind} in version ${JSON.stringify(version)} cannot be handled as a ${kind}: `;
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw badRequest(
      `${cannot}json: cannot unmarshal ${jsonTypeOf(body)} into Go value of type ${goName(type.schema)}`,
    );
  }
  const given = body as Json;
  if (given['apiVersion'] !== undefined && given['apiVersion'] !== apiVersion) {
    throw badRequest(
      `the API version in the data (${String(given['apiVersion'])}) does not match the expected API version (${apiVersion})`,
    );
  }
  if (given['kind'] !== undefined && given['kind'] !== kind) {
    throw badRequest(`${String(given['kind'])} in version ${JSON.stringify(version)} cannot be handled as a ${kind}`);
  }
  let warnings: string[];
  try {
    warnings = [...duplicates, ...decodeType(type, given)];
  } catch (error) {
    if (error instanceof ApiError) throw badRequest(cannot + error.message);
    throw error;
  }
  given['apiVersion'] = apiVersion;
  given['kind'] = kind;
  if (fieldValidation === 'Strict' && warnings.length > 0) {
    throw badRequest(`${cannot}strict decoding error: ${warnings.join(', ')}`);
  }
  return fieldValidation === 'Ignore' ? [] : warnings.flatMap(warningsOf);
}

/** What a strict decoder finds as warnings: a decoder of YAML tells of several keys at once, each in a line of its own. */
export function warningsOf(fault: string): string[] {
  const [head, ...lines] = fault.split('\n  ');
  return head === 'yaml: unmarshal errors:' ? lines : [fault];
}

/** As decode(), for a type that may be known by a schema of its own. */
export function decodeType(
  { schema, custom }: { schema: string; custom?: CustomType | undefined },
  value: object,
): string[] {
  return custom ? custom.decode(value) : decode(schema, value);
}

/** Makes `value` fit the type of this definition name, in place; answers a sentence per unknown field, rejects with BadRequest. */
export function decode(schema: string, value: unknown): string[] {
  const context: Context = { path: [], unknown: [] };
  decoderOf(schema)(value, context);
  return context.unknown;
}

/** As decode(), of the member `name` of an object that is decoded otherwise. */
export function decodeMember(name: string, schema: string, value: unknown): string[] {
  const context: Context = { path: [name], unknown: [] };
  decoderOf(schema)(value, context);
  return context.unknown;
}

const decoders = new Map<string, Decoder>();

function decoderOf(schema: string): Decoder {
  let decoder = decoders.get(schema);
  if (!decoder) {
    decoder = makeStruct(schema);
    decoders.set(schema, decoder);
  }
  return decoder;
}

/** Fields are compiled on first use, since types refer to each other in circles. */
function makeStruct(schema: string): Decoder {
  let fields: Map<string, Decoder> | undefined;
  let zeros: [name: string, zero: () => unknown][] = [];
  const name = goName(schema);
  return (value, context) => {
    if (!isObject(value)) throw mismatch(context, value, name);
    if (!fields) {
      const type = schemaType(schema);
      fields = new Map(
        Object.entries(type.props ?? {}).map(([field, facts]) => {
          const decoder = makeField(schema, facts);
          return [field, isOmitted(schema, field, facts) ? omitting(decoder) : decoder];
        }),
      );
      zeros = zerosOf(schema);
    }
    for (const key of Object.keys(value)) {
      const decoder = fields.get(key);
      const item = value[key];
      if (!decoder) reportUnknown(context, key);
      if (!decoder || item === null || item === undefined) {
        delete value[key];
        continue;
      }
      context.path.push(key);
      const next = decoder(item, context);
      context.path.pop();
      if (next === undefined) delete value[key];
      else if (next !== item) value[key] = next;
    }
    for (const [key, zero] of zeros) if (value[key] === undefined) value[key] = zero();
    return value;
  };
}

/** Gives undefined for what decodes to nothing. */
function omitting(decoder: Decoder): Decoder {
  return (value, context) => {
    const decoded = decoder(value, context);
    return isZero(decoded) ? undefined : decoded;
  };
}

/** What is filled in for required fields that are absent: the zero values of Go's scalars, lists and plain structs. */
function zerosOf(schema: string): [name: string, zero: () => unknown][] {
  const { props = {}, required = [] } = schemaType(schema);
  const isTopLevel = 'apiVersion' in props && 'kind' in props && 'metadata' in props;
  const wanted = Object.entries(props).filter(
    ([name]) => required.includes(name) || (isTopLevel && (name === 'spec' || name === 'metadata')),
  );
  return wanted.flatMap(([name, field]): [string, () => unknown][] => {
    if (field.$ref) {
      // Selectors of workloads are pointers in Go: an absent one is a fault of its own, other than an empty one.
      if (schema.startsWith('io.k8s.api.apps.') && field.$ref.endsWith('.LabelSelector')) return [];
      const ref = field.$ref;
      return [[name, () => decoderOf(ref)({}, { path: [], unknown: [] })]];
    }
    switch (field.type) {
      case 'string':
        return field.format === 'date-time' ? [] : [[name, () => '']];
      case 'boolean':
        return [[name, () => false]];
      case 'integer':
      case 'number':
        return [[name, () => 0]];
      case 'array':
        return [[name, () => []]];
      default:
        return [];
    }
  });
}

function makeField(owner: string, field: SchemaField): Decoder {
  const goType = goTypeOf(field);
  const fail = (context: Context, value: unknown) => mismatch(context, value, goType, owner);
  if (field.$ref) {
    const schema = field.$ref;
    return (value, context) => {
      if (!isObject(value)) throw fail(context, value);
      return decoderOf(schema)(value, context);
    };
  }
  if (field.raw || !field.type) return (value, context) => bounded(value, context, maxDepth);
  switch (field.type) {
    case 'string':
      return makeString(field, fail);
    case 'boolean':
      return (value, context) => {
        if (typeof value !== 'boolean') throw fail(context, value);
        return value;
      };
    case 'integer': {
      const limit = field.format === 'int32' ? 2 ** 31 : 2 ** 63;
      return (value, context) => {
        if (typeof value !== 'number' || !Number.isInteger(value) || value >= limit || value < -limit) {
          throw fail(context, value);
        }
        return value;
      };
    }
    case 'number':
      return (value, context) => {
        if (typeof value !== 'number') throw fail(context, value);
        return value;
      };
    case 'quantity':
      return decodeQuantity;
    case 'int-or-string':
      return (value, context) => {
        if (typeof value === 'string') return value;
        if (typeof value !== 'number' || !Number.isInteger(value)) {
          throw badRequest(`json: cannot unmarshal ${jsonTypeOf(value)} into Go value of type int32`);
        }
        if (Math.abs(value) >= 2 ** 31) throw fail(context, value);
        return value;
      };
    case 'array':
      return makeList(makeField(owner, field.items ?? {}), field.items ?? {}, fail);
    case 'object':
      return makeMap(
        field.additionalProperties?.type === 'quantity'
          ? decodeAmount
          : makeField(owner, field.additionalProperties ?? {}),
        field.additionalProperties ?? {},
        fail,
      );
  }
}

type Fail = (context: Context, value: unknown) => Error;

function makeString(field: SchemaField, fail: Fail): Decoder {
  return (value, context) => {
    if (typeof value !== 'string') throw fail(context, value);
    if (field.format === 'date-time') return canonicalTime(value, field.micro === true);
    if (field.format === 'byte') return canonicalBytes(value);
    return value;
  };
}

function makeList(item: Decoder, facts: SchemaField, fail: Fail): Decoder {
  return (value, context) => {
    if (!Array.isArray(value)) throw fail(context, value);
    const list = value as unknown[];
    for (let i = 0; i < list.length; i++) {
      context.path.push(i);
      list[i] = item(list[i] ?? zeroOf(facts), context);
      context.path.pop();
    }
    return list;
  };
}

function makeMap(item: Decoder, facts: SchemaField, fail: Fail): Decoder {
  return (value, context) => {
    if (!isObject(value)) throw fail(context, value);
    for (const key of Object.keys(value)) {
      const before = value[key];
      context.path.push(key);
      const next = item(before ?? zeroOf(facts), context);
      context.path.pop();
      // JSON may hold a key `__proto__`, which a plain assignment would not store.
      if (next !== before) {
        Object.defineProperty(value, key, { value: next, enumerable: true, writable: true, configurable: true });
      }
    }
    return value;
  };
}

/** What Go makes of a null within a list or map. */
function zeroOf(field: SchemaField): unknown {
  if (field.$ref) return {};
  switch (field.type) {
    case 'string':
      return '';
    case 'boolean':
      return false;
    case 'array':
      return [];
    case 'object':
      return {};
    case undefined:
      return null;
    default:
      return 0;
  }
}

/** Free-form JSON, as it is but for its depth. */
function bounded(value: unknown, context: Context, depth: number): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (depth === 0) throw badRequest(`${pathOf(context)}: nested too deeply`);
  for (const item of Object.values(value)) bounded(item, context, depth - 1);
  return value;
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function reportUnknown(context: Context, key: string): void {
  if (context.unknown.length >= maxUnknown) return;
  const parent = pathOf(context);
  context.unknown.push(`unknown field ${JSON.stringify(parent ? `${parent}.${key}` : key)}`);
}

function pathOf({ path }: Context): string {
  return path.reduce<string>((text, step) => {
    if (typeof step === 'number') return `${text}[${step}]`;
    return text ? `${text}.${step}` : step;
  }, '');
}

/** Go's complaint about a value of the wrong JSON type. */
function mismatch(context: Context, value: unknown, goType: string, owner?: string): Error {
  const field = context.path.filter((step) => typeof step === 'string').join('.');
  const where = owner && field ? `Go struct field ${shortName(owner)}.${field}` : 'Go value';
  return badRequest(`json: cannot unmarshal ${jsonTypeOf(value)} into ${where} of type ${goType}`);
}
