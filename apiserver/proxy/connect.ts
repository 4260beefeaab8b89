/** Connections to what is proxied to, and what a request carries there. */
import http from 'node:http';
import https from 'node:https';
import type { ClientRequest, IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http';
import type { Env } from '#lib/env/env.ts';
import type { LiveTls } from '#lib/env/live-tls.ts';
import type { Request } from '../rest/answer.ts';
import { webSocketTokenPrefix } from '../auth/bearer.ts';
import type { Target } from './target.ts';

/** How long it may take until the connection stands, as upstream. */
const connectLimitMs = 30_000;

export interface Passage {
  target: Target;
  /** What the path had before the part that is passed on. */
  prefix: string;
  /** The path that is passed on, with its query. */
  path: string;
}

/** What frames a body that comes without saying its length: Node sends that of a GET bare, as if it were the next request. */
export function framing(request: Request): OutgoingHttpHeaders {
  const { stream } = request as Request & { stream?: { endAfterHeaders?: boolean } };
  const isBare = request.headers['content-length'] === undefined;
  const hasBody = stream ? stream.endAfterHeaders !== true : request.headers['transfer-encoding'] !== undefined;
  return isBare && hasBody ? { 'transfer-encoding': 'chunked' } : {};
}

/** Begins the request, with `more` headers, or without those that are undefined there; the caller sends its body. A failure to connect comes as an `error` event that reads as Go's. */
export function beginRequest(
  request: Request,
  { target, prefix, path }: Passage,
  more: OutgoingHttpHeaders,
  tls: LiveTls,
  env: Env,
): ClientRequest {
  const { scheme, host, port, agent } = target;
  const headers: OutgoingHttpHeaders = {
    ...passedOn(request.headers),
    host: hostOf(request),
    'x-forwarded-for': [request.headers['x-forwarded-for'] ?? [], request.socket.remoteAddress ?? ''].flat().join(', '),
    'x-forwarded-uri': prefix + path.replace(/\?.*/s, ''),
    ...more,
  };
  for (const [name, value] of Object.entries(headers)) if (value === undefined) delete headers[name];
  const options = { host, port, method: request.method ?? 'GET', path, headers, agent: false as const };
  // A pod's certificate is nobody's business; a node's must be its own: another may answer at an address that moved.
  const trust = agent === undefined ? { rejectUnauthorized: false } : { ...tls.current, servername: agent };
  const sent = scheme === 'https' ? https.request({ ...options, ...trust }) : http.request(options);
  const at = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  const cancel = env.after(connectLimitMs, () => sent.destroy(new Error(`dial tcp ${at}: i/o timeout`)));
  sent.on('socket', (socket) => socket.once(scheme === 'https' ? 'secureConnect' : 'connect', cancel));
  sent.on('close', cancel);
  sent.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'ECONNREFUSED') error.message = `dial tcp ${at}: connect: connection refused`;
    if (error.code === 'EHOSTUNREACH') error.message = `dial tcp ${at}: connect: no route to host`;
  });
  return sent;
}

/** The host that the client asked. */
export function hostOf({ headers }: Request): string {
  return headers.host ?? String(headers[':authority'] ?? '');
}

/** Headers of a connection, not of a request, and what tells who asks. */
const notPassedOn = new Set([
  ...[
    'connection',
    'expect',
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

export function passedOn(headers: IncomingHttpHeaders): OutgoingHttpHeaders {
  const named = new Set((headers.connection ?? '').split(',').map((name) => name.trim().toLowerCase()));
  // Without it the body would read as another request.
  named.delete('content-length');
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) => {
      if (notPassedOn.has(name) || named.has(name) || name.startsWith(':') || name.startsWith('impersonate-'))
        return [];
      return [[name, name === 'sec-websocket-protocol' ? withoutToken(String(value)) : value]];
    }),
  );
}

/** Browsers show who they are among the sub-protocols of WebSocket. */
function withoutToken(protocols: string): string {
  return protocols
    .split(',')
    .map((name) => name.trim())
    .filter((name) => !name.startsWith(webSocketTokenPrefix))
    .join(', ');
}
