/** Passes one HTTP request on to a pod, and its answer back. */
import http from 'node:http';
import https from 'node:https';
import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { pipeline } from 'node:stream';
import type { Env } from '#lib/env/env.ts';
import { ApiError } from '#lib/meta/errors.ts';
import type { Request, Response } from '../rest/answer.ts';
import type { Target } from './target.ts';

/** How long it may take until the connection stands, as upstream. */
const connectLimitMs = 30_000;

/** Headers of a connection, not of a request, and what tells who asks. */
const notPassedOn = new Set([
  ...[
    'connection',
    'keep-alive',
    'proxy-connection',
    'te',
    'trailer',
    'transfer-encoding',
    'upgrade',
    'http2-settings',
  ],
  ...['authorization', 'proxy-authorization', 'proxy-authenticate'],
]);

/** Forwards the request as `path`; `prefix` is what the path had before it. Rejects with ApiError while the client can still be told. */
export async function forward(
  request: Request,
  response: Response,
  target: Target,
  { prefix, path }: { prefix: string; path: string },
  env: Env,
): Promise<void> {
  const answer = await send(request, target, { prefix, path }, env).catch((error: unknown) => {
    if (response.destroyed) return undefined;
    const because = error instanceof Error ? error.message : String(error);
    throw new ApiError('ServiceUnavailable', `error trying to reach service: ${because}`, {}, { cause: error });
  });
  if (!answer) return;
  const headers: OutgoingHttpHeaders = passedOn(answer.headers);
  if (answer.headers.location !== undefined) headers['location'] = moved(answer.headers.location, target, prefix);
  response.writeHead(answer.statusCode ?? 502, headers);
  await new Promise<void>((resolve) => {
    pipeline(answer, response, (error) => {
      if (error) env.log.debug('A proxied answer ended early', { error });
      resolve();
    });
  });
}

function send(
  request: Request,
  { scheme, host, port }: Target,
  { prefix, path }: { prefix: string; path: string },
  env: Env,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const headers: OutgoingHttpHeaders = {
      ...passedOn(request.headers),
      host: request.headers.host ?? String(request.headers[':authority'] ?? ''),
      'x-forwarded-for': request.socket.remoteAddress ?? '',
      'x-forwarded-uri': prefix + path.replace(/\?.*/s, ''),
      'x-forwarded-proto': 'https',
    };
    const options = { host, port, method: request.method ?? 'GET', path, headers, agent: false as const };
    const sent = scheme === 'https' ? https.request({ ...options, rejectUnauthorized: false }) : http.request(options);
    const cancel = env.after(connectLimitMs, () => sent.destroy(new Error(`dial tcp ${host}:${port}: i/o timeout`)));
    sent.on('socket', (socket) => socket.once('connect', cancel));
    sent.on('error', (error: NodeJS.ErrnoException) => {
      cancel();
      const refused = error.code === 'ECONNREFUSED';
      reject(refused ? new Error(`dial tcp ${host}:${port}: connect: connection refused`, { cause: error }) : error);
    });
    sent.on('response', resolve);
    request.once('close', () => {
      if (!request.complete) sent.destroy();
    });
    request.pipe(sent);
  });
}

function passedOn(headers: IncomingHttpHeaders): OutgoingHttpHeaders {
  return Object.fromEntries(
    Object.entries(headers).filter(
      ([name]) => !notPassedOn.has(name) && !name.startsWith(':') && !name.startsWith('impersonate-'),
    ),
  );
}

/** A redirect of the pod's to itself leads through the proxy again. */
function moved(location: string, { scheme, host, port }: Target, prefix: string): string {
  const base = `${scheme}://${host}:${port}`;
  if (location.startsWith('/') && !location.startsWith('//')) return prefix + location;
  return location.startsWith(`${base}/`) ? prefix + location.slice(base.length) : location;
}
