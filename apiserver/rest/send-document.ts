/** Answers of documents that are prepared once: discovery, OpenAPI, the issuer's keys. */
import { gunzipSync } from 'node:zlib';
import { isPretty, sendValue } from './answer.ts';
import type { Request, Response } from './answer.ts';
import { negotiate } from './negotiate.ts';

/** A prepared answer. */
export interface Document {
  contentType: string;
  body: Buffer;
  /** Whether the body is packed by gzip. */
  gzipped?: boolean;
  /** What the body is the JSON of, where clients may have it in other formats; their Accept header is negotiated then. */
  value?: object;
  /** Quoted, as the header has it. */
  etag?: string;
  /** Whether others than the client may keep it, too, as long as they ask whether it still has this etag. */
  public?: boolean;
  /** Whether one who names the etag as `?hash=` may keep the document for good. */
  keepable?: boolean;
}

/** Milliseconds that clients may keep what never changes: a year. */
const keepMs = 365 * 24 * 3600 * 1000;

/** `query` is the request's; `now` is in milliseconds since the epoch. */
export function sendDocument(
  request: Request,
  response: Response,
  document: Document,
  query: URLSearchParams,
  now: number,
): void {
  const { contentType, body, etag, gzipped = false, value } = document;
  if (value) {
    const accepted = negotiate(request.headers.accept);
    const pretty = accepted.pretty || isPretty(request, query);
    // The documents of the core group have no version of their own, but protobuf's envelope has.
    const shown = accepted.format === 'protobuf' ? { apiVersion: 'v1', ...value } : value;
    if (accepted.format !== 'json' || pretty) return sendValue(response, 200, shown, accepted, pretty);
  }
  const known = etag?.replaceAll('"', '');
  const hash = document.keepable ? query.get('hash') : null;
  if (hash && hash !== known) {
    const [path = ''] = (request.url ?? '').split('?', 1);
    response.writeHead(301, { location: `${path}?hash=${known}` });
    response.end();
    return;
  }
  const packed = gzipped && takesGzip(request);
  const head = {
    ...(etag !== undefined && { etag, vary: gzipped ? 'Accept, Accept-Encoding' : 'Accept' }),
    ...(hash
      ? { 'cache-control': 'public, immutable', expires: new Date(now + keepMs).toUTCString() }
      : { 'cache-control': document.public ? 'public' : 'no-cache, private' }),
  };
  if (etag !== undefined && request.headers['if-none-match'] === etag) {
    response.writeHead(304, head);
    response.end();
    return;
  }
  const bytes = gzipped && !packed ? gunzipSync(body) : body;
  response.writeHead(200, {
    ...head,
    ...(packed && { 'content-encoding': 'gzip' }),
    'content-type': contentType,
    'content-length': bytes.length,
  });
  response.end(bytes);
}

function takesGzip({ headers }: Request): boolean {
  return (headers['accept-encoding'] ?? '')
    .split(',')
    .some((clause) => /^\s*gzip\s*(;\s*q=(?!0(\.0*)?\s*$).*)?$/.test(clause));
}
