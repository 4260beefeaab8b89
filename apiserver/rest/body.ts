/** Request bodies, parsed by media type. */
import { jsonTypeOf } from '#lib/kinds/structure-scalars.ts';
import { bulkOf } from '#lib/meta/bulk.ts';
import { isWithin } from '#lib/meta/depth.ts';
import { duplicateKeys } from '#lib/meta/duplicate-keys.ts';
import { ApiError, badRequest, isReason } from '#lib/meta/errors.ts';
import { jsonFault } from '#lib/meta/json-fault.ts';
import { wellFormed } from '#lib/meta/well-formed.ts';
import { mediaTypes, unsupportedMediaType } from './negotiate.ts';
import { decodeEnvelope } from './protobuf.ts';
import { parseYaml } from './yaml.ts';

/** Levels that a body may nest. */
const depthLimit = 512;

/** Values that a body may hold, and items that a list may: each of them costs more than its bytes. */
const valueLimit = 100_000;
const itemLimit = 10_000;

const tooMany = (limit: string) => new ApiError('RequestEntityTooLarge', `Request entity too large: limit is ${limit}`);

/** A parsed body, and upstream's sentences on the keys that its text gave twice. */
export interface Body {
  value: unknown;
  duplicates: string[];
}

/** The body as an object of this kind yet to be decoded, whichever of the three formats it is in. */
export function parseObject(bytes: Buffer, contentType: string | undefined, kind: string): Body {
  try {
    if (bytes.length === 0) throw badRequest(noVersion('unexpected end of JSON input'));
    const body = read(bytes, typeOf(contentType), noVersion);
    demandTyped(body.value);
    return { ...body, value: body.value ?? {} };
  } catch (error) {
    if (!isReason(error, 'BadRequest')) throw error;
    throw badRequest(
      `the object provided is unrecognized (must be of type ${kind}): ${error.message} (${summaryOf(bytes)})`,
    );
  }
}

/** The body as a JSON value. An empty body gives undefined. */
export function parseBody(bytes: Buffer, contentType: string | undefined): unknown {
  const type = typeOf(contentType);
  return bytes.length === 0 ? undefined : read(bytes, type, noVersion).value;
}

/** A patch of this media type as a JSON value. */
export function parsePatch(bytes: Buffer, type: string): Body {
  const isApply = type.endsWith('yaml');
  const says = (because: string) => {
    if (isApply) return `error decoding YAML: ${because}`;
    return type.includes('strategic') ? because : `error decoding patch: ${because}`;
  };
  try {
    return read(bytes, isApply ? mediaTypes.yaml : mediaTypes.json, says, !type.includes('json-patch'));
  } catch (error) {
    if (isApply && isReason(error, 'BadRequest') && !error.message.startsWith('error decoding')) {
      throw badRequest(says(error.message));
    }
    throw error;
  }
}

/** The media type without its parameters; JSON when the header is absent. */
export function mediaTypeOf(contentType: string | undefined): string {
  return contentType ? contentType.split(';', 1)[0]!.trim().toLowerCase() : mediaTypes.json;
}

type MediaType = (typeof mediaTypes)[keyof typeof mediaTypes];

function typeOf(contentType: string | undefined): MediaType {
  const type = mediaTypeOf(contentType);
  const known = Object.values(mediaTypes).find((item) => item === type);
  if (!known) throw unsupportedMediaType(Object.values(mediaTypes));
  return known;
}

/** `says` makes the complaint about a text that is no JSON. Operations of a JSON Patch are no items: they have a limit of their own. */
function read(bytes: Buffer, type: MediaType, says: (because: string) => string, hasItems = true): Body {
  if (type === mediaTypes.protobuf) {
    const value = decodeEnvelope(bytes);
    if (bytes.length > itemLimit) refuseBulk(value);
    return { value, duplicates: [] };
  }
  const text = bytes.toString();
  const isYaml = type === mediaTypes.yaml;
  const body: Partial<Body> = isYaml ? readYaml(text) : { value: parseJson(text, says) };
  if (!isWithin(body.value, depthLimit)) throw badRequest(says('exceeded max depth'));
  body.value = wellFormed(body.value, text);
  // A shorter text cannot hold as many, but by aliases.
  if (bytes.length > itemLimit || isYaml) {
    refuseBulk(!hasItems && Array.isArray(body.value) ? Object.assign({}, body.value) : body.value);
  }
  if (body.duplicates) return { value: body.value, duplicates: body.duplicates };
  const paths = duplicateKeys(text, body.value);
  if (isYaml && paths.length > 0) return parseYaml(text);
  return { value: body.value, duplicates: paths.map((path) => `duplicate field ${JSON.stringify(path)}`) };
}

function refuseBulk(value: unknown): void {
  const { values, items } = bulkOf(value);
  if (values > valueLimit) throw tooMany(`${valueLimit} values`);
  if (items > itemLimit) throw tooMany(`${itemLimit} items of a list`);
}

/** Clients that apply call their JSON YAML, which it is; read as JSON it takes a fraction of the time. */
function readYaml(text: string): Partial<Body> {
  if (/^\s*\{/.test(text)) {
    try {
      return { value: JSON.parse(text) as unknown };
    } catch {
      // It may be YAML in braces all the same.
    }
  }
  return parseYaml(text);
}

function parseJson(text: string, says: (because: string) => string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw badRequest(says(jsonFault(text) ?? (error as Error).message));
  }
}

/** Throws for what cannot say of what type it is; null is as good as an object without anything. */
function demandTyped(value: unknown): void {
  if (value === null || value === undefined) return;
  const cannot = (what: unknown, into: string) =>
    badRequest(noVersion(`json: cannot unmarshal ${jsonTypeOf(what)} into Go ${into}`));
  if (typeof value !== 'object' || Array.isArray(value)) throw cannot(value, `value of type ${typeMeta}`);
  for (const [name, item] of Object.entries(value)) {
    const isType = name === 'apiVersion' || name === 'kind';
    if (isType && typeof item !== 'string' && item !== null) throw cannot(item, `struct field .${name} of type string`);
  }
}

/** Go's name for what upstream reads first of every body. */
const typeMeta =
  'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }';

const noVersion = (because: string) => `couldn't get version/kind; json parse error: ${because}`;

/** What clients are shown of a body that cannot be read. */
function summaryOf(bytes: Buffer): string {
  if (bytes.length === 0) return '<empty>';
  const head = bytes.subarray(0, summaryBytes).toString(bytes[0] === 0x7b ? 'utf8' : 'hex');
  return bytes.length > summaryBytes ? `${head} ...` : head;
}

const summaryBytes = 30;
