/**
 * Upstream's protobuf encoding of API objects, driven by the schema data. A body is `k8s\0` and a runtime.Unknown that holds the object's
 * type and its bytes.
 */
import protobuf from 'protobufjs';
import { schemaNames, schemaType } from '#lib/kinds/schema.ts';
import type { SchemaField } from '#lib/kinds/schema.ts';
import { ApiError, badRequest } from '#lib/meta/errors.ts';
import { formatMicroTime, formatTime } from '#lib/meta/time.ts';
import { embedded, isPointer } from './protobuf-shapes.ts';

type Json = Record<string, unknown>;
type Reader = protobuf.Reader;
type Writer = protobuf.Writer;

const magic = Buffer.from('k8s\0');

/** Messages may nest this deep. */
const depthLimit = 100;

/** The object in an envelope, as the JSON value it stands for; throws BadRequest for bytes that cannot be read. */
export function decodeEnvelope(bytes: Buffer): Json {
  if (!bytes.subarray(0, magic.length).equals(magic)) {
    throw badRequest('provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]');
  }
  try {
    const unknown = readUnknown(protobuf.Reader.create(bytes.subarray(magic.length)));
    const schema = schemaOf(unknown.apiVersion, unknown.kind);
    if (unknown.contentType === 'application/json') return JSON.parse(unknown.raw.toString()) as Json;
    if (!schema) throw badRequest(`no kind "${unknown.kind}" is registered for version "${unknown.apiVersion}"`);
    const value = readMessage(schema, protobuf.Reader.create(unknown.raw), unknown.raw.length, 0);
    return { ...value, apiVersion: unknown.apiVersion, kind: unknown.kind };
  } catch (error) {
    if (error instanceof ApiError) throw error;
    throw badRequest(`couldn't decode protobuf: ${error instanceof Error ? error.message : 'unknown fault'}`);
  }
}

/** An object in an envelope; undefined when the schema data does not describe its type. */
export function encodeEnvelope(object: { apiVersion: string; kind: string }): Buffer | undefined {
  const raw = encodeRaw(object);
  if (!raw) return undefined;
  const writer = protobuf.Writer.create();
  writer.uint32(0x0a).fork().uint32(0x0a).string(object.apiVersion).uint32(0x12).string(object.kind).ldelim();
  writer.uint32(0x12).bytes(raw).uint32(0x1a).string('').uint32(0x22).string('');
  return Buffer.concat([magic, writer.finish()]);
}

/** The message of an object alone. */
function encodeRaw(object: { apiVersion: string; kind: string }): Uint8Array | undefined {
  const schema = schemaOf(object.apiVersion, object.kind);
  if (!schema) return undefined;
  const writer = protobuf.Writer.create();
  writeMessage(schema, object, writer);
  return writer.finish();
}

const metaTypes = 'io.k8s.apimachinery.pkg.apis.meta.v1.';
let known: Set<string> | undefined;

/** The definition name of an API type. */
function schemaOf(apiVersion: string, kind: string): string | undefined {
  known ??= new Set(schemaNames());
  const [version = '', group = ''] = apiVersion.split('/').reverse();
  const name = `io.k8s.api.${group === '' ? 'core' : group.split('.', 1)[0]}.${version}.${kind}`;
  if (known.has(name)) return name;
  // Options and Status belong to every group.
  return known.has(`${metaTypes}${kind}`) ? `${metaTypes}${kind}` : undefined;
}

function readUnknown(reader: Reader): { apiVersion: string; kind: string; raw: Buffer; contentType: string } {
  const unknown = { apiVersion: '', kind: '', raw: Buffer.alloc(0), contentType: '' };
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (tag === 0x0a) {
      const end = reader.uint32() + reader.pos;
      while (reader.pos < end) {
        const inner = reader.uint32();
        if (inner === 0x0a) unknown.apiVersion = reader.string();
        else if (inner === 0x12) unknown.kind = reader.string();
        else reader.skipType(inner & 7);
      }
    } else if (tag === 0x12) unknown.raw = Buffer.from(reader.bytes());
    else if (tag === 0x22) unknown.contentType = reader.string();
    else reader.skipType(tag & 7);
  }
  return unknown;
}

interface Field {
  name: string;
  pn: number;
  facts: SchemaField;
  keepsZero: boolean;
}

interface Message {
  fields: Field[];
  byNumber: Map<number, Field>;
  embedded: { pn: number; schema: string; names: Set<string> }[];
}

const messages = new Map<string, Message>();

function messageOf(schema: string): Message {
  const found = messages.get(schema);
  if (found) return found;
  const short = schema.replace(/^io\.k8s\.api\./, '');
  const inner = (embedded[short] ?? []).map(({ pn, type }) => {
    const name = `io.k8s.api.${type}`;
    return { pn, schema: name, names: new Set(Object.keys(schemaType(name).props ?? {})) };
  });
  const fields = Object.entries(schemaType(schema).props ?? {})
    .filter(([name, facts]) => facts.pn !== undefined && !inner.some((part) => part.names.has(name)))
    .map(([name, facts]) => ({ name, pn: facts.pn!, facts, keepsZero: isPointer(short, name) }));
  const message = { fields, byNumber: new Map(fields.map((field) => [field.pn, field])), embedded: inner };
  messages.set(schema, message);
  return message;
}

function readMessage(schema: string, reader: Reader, end: number, depth: number): Json {
  if (depth > depthLimit) throw new RangeError('messages nest too deeply');
  const message = messageOf(schema);
  const result: Json = {};
  while (reader.pos < end) {
    const tag = reader.uint32();
    const pn = tag >>> 3;
    const part = message.embedded.find((item) => item.pn === pn);
    const field = message.byNumber.get(pn);
    if (part) {
      const innerEnd = reader.uint32() + reader.pos;
      Object.assign(result, readMessage(part.schema, reader, innerEnd, depth + 1));
    } else if (field) readField(field, tag & 7, reader, result, depth);
    else reader.skipType(tag & 7);
  }
  return result;
}

function readField({ name, facts, keepsZero }: Field, wire: number, reader: Reader, result: Json, depth: number): void {
  if (facts.type === 'array') {
    const list = (result[name] ??= []) as unknown[];
    if (wire === 2 && (facts.items?.type === 'integer' || facts.items?.type === 'boolean')) {
      const end = reader.uint32() + reader.pos;
      while (reader.pos < end) list.push(readValue(facts.items, reader, depth));
    } else list.push(readValue(facts.items ?? {}, reader, depth));
    return;
  }
  if (facts.type === 'object' && !facts.raw) {
    const map = (result[name] ??= {}) as Json;
    const [key, value] = readEntry(facts.additionalProperties ?? {}, reader, depth);
    Object.defineProperty(map, key, { value, enumerable: true, writable: true, configurable: true });
    return;
  }
  const value = readValue(facts, reader, depth);
  const isZero = value === undefined || ((value === '' || value === 0 || value === false) && !keepsZero);
  if (!isZero) result[name] = value;
}

function readEntry(facts: SchemaField, reader: Reader, depth: number): [string, unknown] {
  const end = reader.uint32() + reader.pos;
  let key = '';
  let value: unknown;
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag >>> 3 === 1) key = reader.string();
    else if (tag >>> 3 === 2)
      value = facts.type === 'array' ? readItems(facts, reader, depth) : readValue(facts, reader, depth);
    else reader.skipType(tag & 7);
  }
  return [key, value ?? (facts.type === 'array' ? [] : '')];
}

/** A list as a map's value is a message of its own, `{items = 1}`. */
function readItems(facts: SchemaField, reader: Reader, depth: number): unknown[] {
  const end = reader.uint32() + reader.pos;
  const items: unknown[] = [];
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag >>> 3 === 1) items.push(readValue(facts.items ?? {}, reader, depth));
    else reader.skipType(tag & 7);
  }
  return items;
}

function readValue(facts: SchemaField, reader: Reader, depth: number): unknown {
  if (facts.$ref) {
    const end = reader.uint32() + reader.pos;
    return readMessage(facts.$ref, reader, end, depth + 1);
  }
  if (facts.raw) return readRaw(reader);
  switch (facts.type) {
    case 'boolean':
      return reader.bool();
    case 'integer':
      return Number(reader.int64());
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

function readTime(reader: Reader, micro: boolean): string | undefined {
  const { 1: seconds, 2: nanos } = readSmall(reader);
  if (seconds === undefined && nanos === undefined) return undefined;
  const ms = Number(seconds ?? 0) * 1000;
  if (!micro) return formatTime(ms);
  const digits = String(Math.floor(Number(nanos ?? 0) / 1000)).padStart(6, '0');
  return formatMicroTime(ms).replace(/\.\d+Z$/, `.${digits}Z`);
}

function readRaw(reader: Reader): unknown {
  const bytes = readSmall(reader)[1];
  return bytes === undefined || typeof bytes === 'number' || bytes.length === 0
    ? {}
    : (JSON.parse(bytes.toString()) as unknown);
}

/** A message of a few scalars, by field number. */
function readSmall(reader: Reader): Record<number, Buffer | number | undefined> {
  const end = reader.uint32() + reader.pos;
  const parts: Record<number, Buffer | number> = {};
  while (reader.pos < end) {
    const tag = reader.uint32();
    if ((tag & 7) === 0) parts[tag >>> 3] = Number(reader.int64());
    else if ((tag & 7) === 2) parts[tag >>> 3] = Buffer.from(reader.bytes());
    else reader.skipType(tag & 7);
  }
  return parts;
}

function writeMessage(schema: string, value: Json, writer: Writer): void {
  const message = messageOf(schema);
  for (const part of message.embedded) {
    writer.uint32((part.pn << 3) | 2).fork();
    writeMessage(part.schema, value, writer);
    writer.ldelim();
  }
  for (const { name, pn, facts } of message.fields) {
    const item = value[name];
    if (item === undefined || item === null) continue;
    if (facts.type === 'array') for (const each of item as unknown[]) writeValue(pn, facts.items ?? {}, each, writer);
    else if (facts.type === 'object' && !facts.raw)
      writeMap(pn, facts.additionalProperties ?? {}, item as Json, writer);
    else writeValue(pn, facts, item, writer);
  }
}

function writeMap(pn: number, facts: SchemaField, map: Json, writer: Writer): void {
  for (const [key, value] of Object.entries(map)) {
    writer.uint32((pn << 3) | 2).fork();
    writer.uint32(0x0a).string(key);
    if (facts.type === 'array') {
      writer.uint32(0x12).fork();
      for (const item of value as unknown[]) writeValue(1, facts.items ?? {}, item, writer);
      writer.ldelim();
    } else writeValue(2, facts, value, writer);
    writer.ldelim();
  }
}

function writeValue(pn: number, facts: SchemaField, value: unknown, writer: Writer): void {
  const nested = (fill: () => void) => {
    writer.uint32((pn << 3) | 2).fork();
    fill();
    writer.ldelim();
  };
  if (facts.$ref) return nested(() => writeMessage(facts.$ref!, value as Json, writer));
  if (facts.raw) return nested(() => writer.uint32(0x0a).bytes(Buffer.from(JSON.stringify(value))));
  switch (facts.type) {
    case 'boolean':
      writer.uint32(pn << 3).bool(value as boolean);
      return;
    case 'integer':
      writer.uint32(pn << 3).int64(value as number);
      return;
    case 'number':
      writer.uint32((pn << 3) | 1).double(value as number);
      return;
    case 'quantity':
      return nested(() => writer.uint32(0x0a).string(String(value)));
    case 'int-or-string':
      return nested(() =>
        typeof value === 'number'
          ? writer.uint32(0x08).int32(0).uint32(0x10).int32(value).uint32(0x1a).string('')
          : writer.uint32(0x08).int32(1).uint32(0x10).int32(0).uint32(0x1a).string(String(value)),
      );
    case 'string':
      if (facts.format === 'date-time') return nested(() => writeTime(String(value), writer));
      if (facts.format === 'byte') writer.uint32((pn << 3) | 2).bytes(Buffer.from(String(value), 'base64'));
      else writer.uint32((pn << 3) | 2).string(String(value));
      return;
    default:
      throw new RangeError('unexpected type');
  }
}

function writeTime(text: string, writer: Writer): void {
  const ms = Date.parse(text);
  const fraction = /\.(\d+)/.exec(text)?.[1] ?? '';
  writer
    .uint32(0x08)
    .int64(Math.floor(ms / 1000))
    .uint32(0x10)
    .int32(Number(fraction.slice(0, 9).padEnd(9, '0')));
}
