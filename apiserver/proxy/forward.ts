/** Passes one HTTP request on, and its answer back. */
import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { pipeline } from 'node:stream';
import type { Transform } from 'node:stream';
import { createDeflateRaw, createGunzip, createGzip, createInflateRaw } from 'node:zlib';
import type { Env } from '#lib/env/env.ts';
import type { LiveTls } from '#lib/env/live-tls.ts';
import { ApiError } from '#lib/meta/errors.ts';
import type { Request, Response } from '../rest/answer.ts';
import { beginRequest, framing, hostOf, passedOn } from './connect.ts';
import type { Passage } from './connect.ts';
import { rewriteHtml } from './rewrite-html.ts';
import { rewriteUrl } from './rewrite-url.ts';

/** Forwards the request. Rejects with ApiError while the client can still be told. A redirect is the client's to follow. */
export async function forward(
  request: Request,
  response: Response,
  passage: Passage,
  tls: LiveTls,
  env: Env,
): Promise<void> {
  const answer = await send(request, response, passage, tls, env).catch((error: unknown) => {
    if (response.destroyed) return undefined;
    const because = error instanceof Error ? error.message : String(error);
    throw new ApiError('ServiceUnavailable', `error trying to reach service: ${because}`, undefined, { cause: error });
  });
  if (!answer) return;
  const { host, port } = passage.target;
  const targetHost = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  const rewrite = (link: string) =>
    rewriteUrl(link, { targetHost, requestHost: hostOf(request), prefix: passage.prefix });
  const headers: OutgoingHttpHeaders = passedOn(answer.headers);
  const { location } = answer.headers;
  if (location !== undefined) headers['location'] = rewrite(location);
  const steps = location === undefined ? htmlSteps(answer, rewrite) : [];
  if (steps.length > 0) delete headers['content-length'];
  const hasBody = request.method !== 'HEAD' && answer.statusCode !== 204 && answer.statusCode !== 304;
  try {
    response.writeHead(answer.statusCode ?? 502, headers);
  } catch (error) {
    // What is no status or no header of HTTP's cannot be passed on.
    answer.destroy();
    throw new ApiError('ServiceUnavailable', `error trying to reach service: ${(error as Error).message}`, undefined, {
      cause: error,
    });
  }
  // Whoever waits for the first bytes of a stream must not wait for the next.
  response.flushHeaders();
  await new Promise<void>((resolve) => {
    pipeline([answer, ...(hasBody ? steps : []), response], (error) => {
      if (error) env.log.debug('A proxied answer ended early', { error });
      resolve();
    });
  });
}

/** What a page passes through on its way; nothing for what is no page, or is encoded as nobody here can read. */
function htmlSteps({ headers }: IncomingMessage, rewrite: (link: string) => string): Transform[] {
  const type = (headers['content-type'] ?? '').split(';', 1)[0]!.trim();
  if (type !== 'text/html') return [];
  const encoding = headers['content-encoding'] ?? '';
  if (encoding === '') return [rewriteHtml(rewrite)];
  if (encoding === 'gzip') return [createGunzip(), rewriteHtml(rewrite), createGzip()];
  return encoding === 'deflate' ? [createInflateRaw(), rewriteHtml(rewrite), createDeflateRaw()] : [];
}

function send(
  request: Request,
  response: Response,
  passage: Passage,
  tls: LiveTls,
  env: Env,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const sent = beginRequest(request, passage, framing(request), tls, env);
    sent.on('error', reject);
    sent.on('response', resolve);
    // Whoever has left waits for nothing; to one who has been answered it makes no difference.
    response.once('close', () => sent.destroy());
    request.pipe(sent);
  });
}
