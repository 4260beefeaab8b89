/** The bearer token that a request shows: in its Authorization header, or from a browser's WebSocket among the sub-protocols. Pure. */
import type { IncomingHttpHeaders } from 'node:http';

/** A sub-protocol that carries a token: browsers can set no other header on a WebSocket. */
export const webSocketTokenPrefix = 'base64url.bearer.authorization.k8s.io.';

/** What the header says, read as upstream's `request/bearertoken` reads it; undefined when it holds no bearer token. */
export function tokenInHeader(authorization: string | undefined): string | undefined {
  const [scheme, token] = (authorization ?? '').trim().split(' ');
  // After more than one space comes no token, as upstream sees it.
  return scheme?.toLowerCase() === 'bearer' && token ? token : undefined;
}

/**
 * What the sub-protocols carry, as upstream's `request/websocket`; undefined when it is no token. Throws a RangeError for one that cannot be read, or that has no
 * other sub-protocol beside it to agree on.
 */
export function tokenInProtocols({ upgrade, ...headers }: IncomingHttpHeaders): string | undefined {
  if (upgrade?.toLowerCase() !== 'websocket') return undefined;
  const protocols = (headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());
  const [encoded, ...others] = protocols.filter((name) => name.startsWith(webSocketTokenPrefix));
  if (encoded === undefined) return undefined;
  const text = encoded.slice(webSocketTokenPrefix.length);
  if (others.length > 0 || protocols.length === 1 || !/^[\w-]+$/.test(text)) throw new RangeError('no readable token');
  return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(text, 'base64url'));
}
