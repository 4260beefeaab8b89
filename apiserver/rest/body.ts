/** Request bodies: read within a limit, parsed by media type. */
import type { IncomingMessage } from 'node:http';
import { parseAllDocuments } from 'yaml';
import { duplicateKeys } from '#lib/meta/duplicate-keys.ts';
import { ApiError, badRequest, isReason } from '#lib/meta/errors.ts';
import { mediaTypes, unsupportedMediaType } from './negotiate.ts';
import { decodeEnvelope } from './protobuf.ts';

/** What a request body may take, as upstream. */
const bodyLimitBytes = 3 * 1024 * 1024;

/** Aliases that a YAML body may expand to, against documents that grow without bound. */
const aliasLimit = 100;

const tooLarge = () => new ApiError('RequestEntityTooLarge', `Request entity too large: limit is ${bodyLimitBytes}`);

/** The whole body; throws RequestEntityTooLarge beyond the limit. */
export async function readBody(request: IncomingMessage): Promise<Buffer> {
  if (Number(request.headers['content-length'] ?? 0) > bodyLimitBytes) throw tooLarge();
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    sizeBytes += chunk.length;
    if (sizeBytes > bodyLimitBytes) throw tooLarge();
    chunks.push(chunk);
  }
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
}

/** A parsed body, and the paths of the keys that its text gave twice. */
export interface Body {
  value: unknown;
  duplicates: string[];
}

/** The body as an object of this kind yet to be decoded, whichever of the three formats it is in. */
export function parseObject(bytes: Buffer, contentType: string | undefined, kind: string): Body {
  try {
    if (bytes.length === 0) throw badRequest(noVersion('unexpected end of JSON input'));
    const value = parseBody(bytes, contentType);
    const isJson = mediaTypeOf(contentType) === mediaTypes.json;
    return { value, duplicates: isJson ? duplicateKeys(bytes.toString(), value) : [] };
  } catch (error) {
    if (!isReason(error, 'BadRequest')) throw error;
    throw badRequest(
      `the object provided is unrecognized (must be of type ${kind}): ${error.message} (${summaryOf(bytes)})`,
    );
  }
}

/** The body as a JSON value, whichever of the three formats it is in. An empty body gives undefined. */
export function parseBody(bytes: Buffer, contentType: string | undefined): unknown {
  const type = mediaTypeOf(contentType);
  if (type !== mediaTypes.json && type !== mediaTypes.yaml && type !== mediaTypes.protobuf) {
    throw unsupportedMediaType(Object.values(mediaTypes));
  }
  if (bytes.length === 0) return undefined;
  if (type === mediaTypes.protobuf) return decodeEnvelope(bytes);
  return type === mediaTypes.yaml ? parseYaml(bytes) : parseJson(bytes);
}

/** A patch of this media type as a JSON value. */
export function parsePatch(bytes: Buffer, type: string): unknown {
  if (type.endsWith('yaml')) return parseYaml(bytes);
  try {
    return JSON.parse(bytes.toString());
  } catch (error) {
    throw badRequest(`error decoding patch: ${(error as Error).message}`);
  }
}

/** The media type without its parameters; JSON when the header is absent. */
export function mediaTypeOf(contentType: string | undefined): string {
  return contentType ? contentType.split(';', 1)[0]!.trim().toLowerCase() : mediaTypes.json;
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString());
  } catch (error) {
    throw badRequest(noVersion((error as Error).message));
  }
}

const noVersion = (because: string) => `couldn't get version/kind; json parse error: ${because}`;

/** What clients are shown of a body that cannot be read. */
function summaryOf(bytes: Buffer): string {
  if (bytes.length === 0) return '<empty>';
  const head = bytes.subarray(0, summaryBytes).toString(bytes[0] === 0x7b ? 'utf8' : 'hex');
  return bytes.length > summaryBytes ? `${head} ...` : head;
}

const summaryBytes = 30;

/** One YAML document; JSON is YAML too. */
function parseYaml(bytes: Buffer): unknown {
  const documents = parseAllDocuments(bytes.toString(), { uniqueKeys: true, version: '1.1' });
  const [first] = documents;
  if (!first) return undefined;
  if (documents.length > 1) throw badRequest('error decoding YAML: the body holds more than one document');
  const [fault] = first.errors;
  if (fault) throw badRequest(`error converting YAML to JSON: yaml: ${fault.message.split('\n', 1)[0]}`);
  try {
    return first.toJS({ maxAliasCount: aliasLimit });
  } catch (error) {
    throw badRequest(`error converting YAML to JSON: yaml: ${(error as Error).message}`);
  }
}
