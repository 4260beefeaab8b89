/** Upstream's protobuf messages as the JSON values they stand for. What is malformed throws, and nothing is read beyond its message. */
import protobuf from 'protobufjs';
import { pointerFields, schemaType } from '#lib/kinds/schema.ts';
import type { SchemaField } from '#lib/kinds/schema.ts';
import { formatMicroTime, formatTime } from '#lib/meta/time.ts';
import { embedded, isBoxed, jsonSchema } from './protobuf-shapes.ts';

type Json = Record<string, unknown>;
type Reader = protobuf.Reader;

/** Messages may nest this deep. */
const depthLimit = 100;

/** The value of a message of this definition name. `readEnvelope` reads free-form JSON that is an envelope itself. */
export function decodeMessage(schema: string, bytes: Uint8Array, readEnvelope: (bytes: Buffer) => Json): Json {
  const reader = protobuf.Reader.create(bytes);
  return readMessage(schema, { reader, depth: 0, readEnvelope }, bytes.length);
}

/** Calls `read` at each field up to `end`; throws when the last of them reaches beyond. */
export function eachField(reader: Reader, end: number, read: (pn: number, wire: number) => void): void {
  if (end > reader.len) throw new RangeError('unexpected EOF');
  while (reader.pos < end) {
    const tag = reader.uint32();
    read(tag >>> 3, tag & 7);
  }
  if (reader.pos > end) throw new RangeError('unexpected EOF');
}

/** Where a message that begins with its length ends. */
export function endOf(reader: Reader): number {
  return reader.uint32() + reader.pos;
}

interface Context {
  reader: Reader;
  depth: number;
  readEnvelope: (bytes: Buffer) => Json;
}

interface Field {
  name: string;
  facts: SchemaField;
  keepsZero: boolean;
  isBoxed: boolean;
}

interface Message {
  fields: Map<number, Field>;
  embedded: Map<number, string>;
}

const messages = new Map<string, Message>();

function messageOf(schema: string): Message {
  const found = messages.get(schema);
  if (found) return found;
  const inner = (embedded[schema.replace(/^io\.k8s\.api\./, '')] ?? []).map(
    ({ pn, type }) => [pn, `io.k8s.api.${type}`] as const,
  );
  const inlined = new Set(inner.flatMap(([, type]) => Object.keys(schemaType(type).props ?? {})));
  const pointers = pointerFields(schema);
  const fields = Object.entries(schemaType(schema).props ?? {})
    .filter(([name, facts]) => facts.pn !== undefined && !inlined.has(name))
    .map(
      ([name, facts]) =>
        [facts.pn!, { name, facts, keepsZero: pointers.includes(name), isBoxed: isBoxed(schema, name) }] as const,
    );
  const message = { fields: new Map(fields), embedded: new Map(inner) };
  messages.set(schema, message);
  return message;
}

function readMessage(schema: string, context: Context, end: number): Json {
  if (++context.depth > depthLimit) throw new RangeError('messages nest too deeply');
  const { reader } = context;
  const message = messageOf(schema);
  const result: Json = {};
  eachField(reader, end, (pn, wire) => {
    const part = message.embedded.get(pn);
    const field = message.fields.get(pn);
    if (part && wire === 2) Object.assign(result, readMessage(part, context, endOf(reader)));
    else if (field) readField(field, wire, context, result);
    else reader.skipType(wire);
  });
  context.depth--;
  return result;
}

function readField(field: Field, wire: number, context: Context, result: Json): void {
  const { name, facts } = field;
  const { reader } = context;
  if (facts.type === 'array') {
    if (field.isBoxed) {
      result[name] = readItems(facts, wire, context);
      return;
    }
    const list = (result[name] ??= []) as unknown[];
    const items = facts.items ?? {};
    if (wire === 2 && (items.type === 'integer' || items.type === 'boolean')) {
      const end = endOf(reader);
      if (end > reader.len) throw new RangeError('unexpected EOF');
      while (reader.pos < end) list.push(readValue(items, 0, context));
    } else list.push(readValue(items, wire, context));
    return;
  }
  if (facts.type === 'object' && !facts.raw) {
    const map = (result[name] ??= {}) as Json;
    const [key, value] = readEntry(facts.additionalProperties ?? {}, wire, context);
    Object.defineProperty(map, key, { value, enumerable: true, writable: true, configurable: true });
    return;
  }
  const value = readValue(facts, wire, context);
  const isZero = value === undefined || ((value === '' || value === 0 || value === false) && !field.keepsZero);
  if (!isZero) result[name] = value;
}

function readEntry(facts: SchemaField, wire: number, context: Context): [string, unknown] {
  demand(wire, 2);
  const { reader } = context;
  let key = '';
  let value: unknown;
  eachField(reader, endOf(reader), (pn, inner) => {
    if (pn === 1 && inner === 2) key = reader.string();
    else if (pn === 2)
      value = facts.type === 'array' ? readItems(facts, inner, context) : readValue(facts, inner, context);
    else reader.skipType(inner);
  });
  return [key, value ?? (facts.type === 'array' ? [] : '')];
}

/** A list that is a message of its own, `{items = 1}`. */
function readItems(facts: SchemaField, wire: number, context: Context): unknown[] {
  demand(wire, 2);
  const { reader } = context;
  const items: unknown[] = [];
  eachField(reader, endOf(reader), (pn, inner) => {
    if (pn === 1) items.push(readValue(facts.items ?? {}, inner, context));
    else reader.skipType(inner);
  });
  return items;
}

function readValue(facts: SchemaField, wire: number, context: Context): unknown {
  const { reader } = context;
  demand(wire, wireOf(facts));
  if (facts.$ref) return readMessage(facts.$ref, context, endOf(reader));
  if (facts.or) return readEither(facts.or, context);
  if (facts.raw) return readRaw(context);
  switch (facts.type) {
    case 'boolean':
      return reader.bool();
    case 'integer':
      return facts.format === 'int32' ? reader.int32() : Number(reader.int64());
    case 'number':
      return reader.double();
    case 'quantity':
      return readSmall(reader)[1]?.toString();
    case 'int-or-string': {
      const parts = readSmall(reader);
      return parts[1] === 1 ? (parts[3]?.toString() ?? '') : (parts[2] ?? 0);
    }
    case 'string':
      if (facts.format === 'byte') return Buffer.from(reader.bytes()).toString('base64');
      return facts.format === 'date-time' ? readTime(reader, facts.micro === true) : reader.string();
    default:
      throw new RangeError('unexpected type');
  }
}

function wireOf(facts: SchemaField): number {
  if (facts.$ref || facts.raw) return 2;
  if (facts.type === 'boolean' || facts.type === 'integer') return 0;
  return facts.type === 'number' ? 1 : 2;
}

function demand(wire: number, wanted: number): void {
  if (wire !== wanted) throw new RangeError(`proto: wrong wireType = ${wire}`);
}

function readTime(reader: Reader, micro: boolean): string | undefined {
  const { 1: seconds, 2: nanos } = readSmall(reader);
  if (seconds === undefined && nanos === undefined) return undefined;
  const ms = Number(seconds ?? 0) * 1000;
  if (!micro) return formatTime(ms);
  const digits = String(Math.floor(Number(nanos ?? 0) / 1000)).padStart(6, '0');
  return formatMicroTime(ms).replace(/\.\d+Z$/, `.${digits}Z`);
}

/** A schema, or what stands for one. */
function readEither(or: NonNullable<SchemaField['or']>, context: Context): unknown {
  const { reader } = context;
  let schema: Json | undefined;
  let isAllowed = false;
  const list: unknown[] = [];
  eachField(reader, endOf(reader), (pn, wire) => {
    if (wire === 0 && pn === 1) isAllowed = reader.bool();
    else if (wire !== 2) reader.skipType(wire);
    else if (pn === (or === 'bool' ? 2 : 1)) schema = readMessage(jsonSchema, context, endOf(reader));
    else if (pn === 2) list.push(or === 'list' ? readMessage(jsonSchema, context, endOf(reader)) : reader.string());
    else reader.skipType(wire);
  });
  return schema ?? (or === 'bool' ? isAllowed : list);
}

/** JSON as it is, or an object in an envelope. */
function readRaw({ reader, readEnvelope }: Context): unknown {
  const bytes = readSmall(reader)[1];
  if (bytes === undefined || typeof bytes === 'number' || bytes.length === 0) return {};
  return bytes[0] === 0x6b ? readEnvelope(bytes) : (JSON.parse(bytes.toString()) as unknown);
}

/** A message of a few scalars, by field number. */
function readSmall(reader: Reader): Record<number, Buffer | number | undefined> {
  const parts: Record<number, Buffer | number> = {};
  eachField(reader, endOf(reader), (pn, wire) => {
    if (wire === 0) parts[pn] = Number(reader.int64());
    else if (wire === 2) parts[pn] = Buffer.from(reader.bytes());
    else reader.skipType(wire);
  });
  return parts;
}
