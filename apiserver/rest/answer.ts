/** Writing answers: prebuilt bytes for objects and lists, Status for failures. */
import { STATUS_CODES } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { constants } from 'node:http2';
import type { ServerHttp2Stream } from 'node:http2';
import type { Duplex } from 'node:stream';
import type { Log } from '#lib/env/log.ts';
import { ApiError } from '#lib/meta/errors.ts';
import { isCompressed, sendCompressed } from './compressed.ts';
import { mediaTypes, negotiateFailure, notAcceptable } from './negotiate.ts';
import type { Accepted } from './negotiate.ts';
import { contextOf } from './observed-response.ts';
import { encodeEnvelope } from './protobuf.ts';
import { warningHeaders } from './warnings.ts';
import { writeYaml } from './yaml-writer.ts';

/** Requests and answers as handlers see them; those of HTTP/2 have the same shape. */
export type Request = IncomingMessage;
export type Response = ServerResponse;

/** Answers bytes as they are. */
export function sendBytes(response: Response, code: number, contentType: string, bytes: Buffer): void {
  if (isCompressed(response, bytes.length)) {
    void sendCompressed(response, code, headersOf(contentType), [bytes]);
    return;
  }
  response.writeHead(code, {
    'content-type': contentType,
    'content-length': bytes.length,
    'cache-control': 'no-cache, private',
  });
  response.end(bytes);
}

/**
 * What is handed to a connection at a time. Of 128 KB and more the allocator has each from the kernel anew (`MALLOC_MMAP_THRESHOLD_` in `wherry up`), whose cleared pages would
 * cost a list of a thousand objects a third of its time.
 */
const pieceBytes = 96 * 1024;

/**
 * Answers many buffers as one body, a piece at a time as the client takes them: what waits for a slow client is the buffers that all share, not a
 * copy of them, and others are served in between. Resolves when all is handed over, or the client has gone.
 */
export async function sendParts(
  response: Response,
  code: number,
  contentType: string,
  parts: readonly Buffer[],
): Promise<void> {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  if (length <= pieceBytes) return sendBytes(response, code, contentType, Buffer.concat(parts, length));
  if (isCompressed(response, length)) {
    return sendCompressed(response, code, headersOf(contentType), inPieces(parts));
  }
  response.writeHead(code, { ...headersOf(contentType), 'content-length': length });
  for (const piece of inPieces(parts)) {
    if (!response.write(piece)) await roomIn(response);
    if (isGone(response)) return;
  }
  response.end();
}

function headersOf(contentType: string): Record<string, string> {
  return { 'content-type': contentType, 'cache-control': 'no-cache, private' };
}

function* inPieces(parts: readonly Buffer[]): Iterable<Buffer> {
  let from = 0;
  let length = 0;
  for (const [at, part] of parts.entries()) {
    length += part.length;
    if (length < pieceBytes) continue;
    yield Buffer.concat(parts.slice(from, at + 1), length);
    [from, length] = [at + 1, 0];
  }
  if (length > 0) yield Buffer.concat(parts.slice(from), length);
}

/** Whether nobody takes the answer any more. Node's answers over HTTP/2 do not tell by themselves. */
export function isGone(response: Response): boolean {
  const { stream } = response as { stream?: { destroyed: boolean } };
  return stream ? stream.destroyed : response.destroyed;
}

function roomIn(response: Response): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      response.off('drain', done);
      response.off('close', done);
      resolve();
    };
    response.on('drain', done);
    response.on('close', done);
    if (isGone(response)) done();
  });
}

/** Answers an object that exists as bytes already; they are used as they are where the client takes JSON. */
export function sendEncoded(
  response: Response,
  code: number,
  entry: { object: object; bytes: Buffer },
  accepted: Accepted,
  pretty: boolean,
): void {
  const isAsStored = accepted.format === 'json' && !pretty && !accepted.pretty;
  if (!isAsStored) return sendValue(response, code, entry.object, accepted, pretty);
  contextOf(response)?.audit?.answered(() => entry.bytes);
  sendBytes(response, code, mediaTypes.json, entry.bytes);
}

/** Answers a value in the format the client accepts. */
export function sendValue(response: Response, code: number, value: object, accepted: Accepted, pretty: boolean): void {
  const { format } = accepted;
  contextOf(response)?.audit?.answered(() => value);
  if (format === 'yaml') return sendBytes(response, code, mediaTypes.yaml, Buffer.from(writeYaml(value)));
  if (format === 'protobuf') {
    const bytes = encodeEnvelope(value as { apiVersion: string; kind: string });
    if (!bytes) throw notAcceptable([mediaTypes.json, mediaTypes.yaml]);
    return sendBytes(response, code, mediaTypes.protobuf, bytes);
  }
  sendBytes(
    response,
    code,
    mediaTypes.json,
    Buffer.from(JSON.stringify(value, null, pretty || accepted.pretty ? 2 : 0)),
  );
}

/** Whether the client wants to read the JSON with its own eyes: it says so, or is known to show it. */
export function isPretty({ headers }: Request, query: URLSearchParams): boolean {
  const wish = query.get('pretty');
  if (wish) return ['1', 't', 'T', 'true', 'True', 'TRUE'].includes(wish);
  return /^(curl|Wget|Mozilla\/5\.0)/.test(headers['user-agent'] ?? '');
}

/** Answers a failure as a Status, in the format that the client accepts. */
export function sendError(response: Response, known: ApiError): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const seconds = known.details?.retryAfterSeconds;
  if (seconds !== undefined) response.setHeader('retry-after', seconds);
  if (known.reason === 'RequestEntityTooLarge' || known.reason === 'Timeout') endSending(response);
  const { req: request } = response;
  const [, query] = (request.url ?? '').split('?', 2);
  const pretty = isPretty(request, new URLSearchParams(query));
  sendValue(response, known.code, known.toStatus(), negotiateFailure(request.headers.accept), pretty);
}

/** A client that is still sending a body nobody reads must not keep the connection busy, or its stream open. */
function endSending(response: Response): void {
  const { stream } = response as Response & { stream?: ServerHttp2Stream };
  if (stream) stream.once('finish', () => stream.close(constants.NGHTTP2_NO_ERROR));
  else response.setHeader('connection', 'close');
}

/** Answers a failure on a connection that was to be taken over, and closes it. */
export function refuseUpgrade(socket: Duplex, known: ApiError): void {
  const body = JSON.stringify(known.toStatus());
  const head = [
    `HTTP/1.1 ${known.code} ${STATUS_CODES[known.code] ?? 'Error'}`,
    `content-type: ${mediaTypes.json}`,
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}

/** What is no ApiError is a fault of ours: it is logged, and the client learns little. */
export function asApiError(error: unknown, log: Log): ApiError {
  if (error instanceof ApiError) return error;
  log.error('A request failed', { error });
  return new ApiError('InternalError', 'Internal error occurred', undefined, { cause: error });
}

/** Adds warnings that the client shows to its user. */
export function addWarnings(response: Response, warnings: readonly string[]): void {
  if (warnings.length > 0) response.setHeader('warning', warningHeaders(warnings));
}
