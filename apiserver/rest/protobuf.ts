/**
 * Upstream's protobuf encoding of API objects, driven by the schema data. A body is `k8s\0` and a runtime.Unknown that holds the object's
 * type and its bytes.
 */
import protobuf from 'protobufjs';
import { schemaNames } from '#lib/kinds/schema.ts';
import { ApiError, badRequest } from '#lib/meta/errors.ts';
import { decodeMessage, eachField, endOf } from './protobuf-decode.ts';
import { encodeMessage } from './protobuf-encode.ts';
import { sizeOf } from './protobuf-writer.ts';

type Json = Record<string, unknown>;

export interface Typed {
  apiVersion: string;
  kind: string;
}

const magic = Buffer.from('k8s\0');

/** Envelopes within free-form JSON of an envelope, and so on. */
const envelopeLimit = 10;

/** The object in an envelope, as the JSON value it stands for; throws BadRequest for bytes that cannot be read. */
export function decodeEnvelope(bytes: Buffer): Json {
  try {
    return readEnvelope(bytes, 0);
  } catch (error) {
    if (error instanceof ApiError) throw error;
    throw badRequest(faultOf(error as Error));
  }
}

/** What Go says of bytes that cannot be read. */
function faultOf({ message }: Error): string {
  if (message.startsWith('index out of range')) return 'unexpected EOF';
  if (/^invalid (length|varint) encoding/.test(message)) return 'proto: integer overflow';
  const [, wire] = /^invalid wire type (\d)/.exec(message) ?? [];
  return wire === undefined ? message : `proto: illegal wireType ${wire}`;
}

function readEnvelope(bytes: Buffer, level: number): Json {
  if (!bytes.subarray(0, magic.length).equals(magic)) {
    throw badRequest('provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]');
  }
  if (level > envelopeLimit) throw new RangeError('messages nest too deeply');
  const { apiVersion, kind, raw, contentType } = readUnknown(bytes.subarray(magic.length));
  if (contentType === 'application/json') return JSON.parse(raw.toString()) as Json;
  const schema = schemaOf({ apiVersion, kind });
  if (!schema) throw badRequest(`no kind "${kind}" is registered for version "${apiVersion}"`);
  return { ...decodeMessage(schema, raw, (inner) => readEnvelope(inner, level + 1)), apiVersion, kind };
}

/** An object in an envelope; undefined when the schema data does not describe its type. */
export function encodeEnvelope(object: Typed): Buffer | undefined {
  const schema = schemaOf(object);
  return schema === undefined ? undefined : Buffer.concat(envelope(object, [encodeMessage(schema, object)]));
}

/** An envelope of a message that exists in these parts, in parts as well. */
export function envelope({ apiVersion, kind }: Typed, parts: readonly Buffer[]): Buffer[] {
  const type = Buffer.concat([field(1, Buffer.from(apiVersion)), field(2, Buffer.from(kind))]);
  let size = 0;
  for (const part of parts) size += part.length;
  return [magic, field(1, type), prefix(2, size), ...parts, noEncoding];
}

/** A field of a message: its number, its length, its bytes. */
export function field(pn: number, bytes: Buffer): Buffer {
  return Buffer.concat([prefix(pn, bytes.length), bytes]);
}

/** What stands before the bytes of a field. The number is below 16. */
export function prefix(pn: number, size: number): Buffer {
  const bytes = Buffer.allocUnsafe(1 + sizeOf(size));
  bytes[0] = pn * 8 + 2;
  let rest = size;
  for (let at = 1; at < bytes.length; at++) {
    bytes[at] = rest >= 0x80 ? (rest % 0x80) | 0x80 : rest;
    rest = Math.floor(rest / 0x80);
  }
  return bytes;
}

/** The fields contentEncoding and contentType, which are always written. */
const noEncoding = Buffer.from([0x1a, 0x00, 0x22, 0x00]);

const metaTypes = 'io.k8s.apimachinery.pkg.apis.meta.v1.';
/** The one group whose types are kept elsewhere. */
const extensions = 'apiextensions.k8s.io';
const extensionTypes = 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.';
let known: Set<string> | undefined;

/** The definition name of an API type; undefined when the schema data has none. */
function schemaOf({ apiVersion, kind }: Typed): string | undefined {
  known ??= new Set(schemaNames());
  const [version = '', group = ''] = apiVersion.split('/').reverse();
  const family = group === '' ? 'core' : group.split('.', 1)[0];
  const names = [`io.k8s.api.${family}.${version}.${kind}`, `${extensionTypes}${kind}`];
  const name = names[group === extensions ? 1 : 0]!;
  if (known.has(name)) return name;
  // Options and Status belong to every group.
  return known.has(`${metaTypes}${kind}`) ? `${metaTypes}${kind}` : undefined;
}

function readUnknown(bytes: Buffer): Typed & { raw: Buffer; contentType: string } {
  const unknown = { apiVersion: '', kind: '', raw: Buffer.alloc(0), contentType: '' };
  const reader = protobuf.Reader.create(bytes);
  eachField(reader, bytes.length, (pn, wire) => {
    if (wire !== 2) reader.skipType(wire);
    else if (pn === 1) {
      eachField(reader, endOf(reader), (inner, innerWire) => {
        if (inner === 1 && innerWire === 2) unknown.apiVersion = reader.string();
        else if (inner === 2 && innerWire === 2) unknown.kind = reader.string();
        else reader.skipType(innerWire);
      });
    } else if (pn === 2) unknown.raw = Buffer.from(reader.bytes());
    else if (pn === 4) unknown.contentType = reader.string();
    else reader.skipType(wire);
  });
  return unknown;
}
