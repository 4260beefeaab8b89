/** The HTTP side of changing a connection's protocol to SPDY. */
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { ApiError } from '#lib/meta/errors.ts';
import type { Upgrade } from '../rest/exchange.ts';

/** Whether the client wants SPDY; else it wants WebSocket, or something that `ws` refuses. */
export function isSpdy(request: IncomingMessage): boolean {
  return (request.headers.upgrade ?? '').toLowerCase() === 'spdy/3.1';
}

/** The best protocol that both sides know. Throws Forbidden when there is none. */
export function chooseSpdyProtocol<P extends string>(request: IncomingMessage, protocols: readonly P[]): P {
  const offered = [request.headers['x-stream-protocol-version'] ?? []]
    .flat()
    .flatMap((names) => names.split(','))
    .map((name) => name.trim())
    .filter((name) => name !== '');
  // A client that names none speaks the oldest.
  const chosen = offered.length === 0 ? protocols.at(-1)! : protocols.find((protocol) => offered.includes(protocol));
  if (chosen === undefined)
    throw new ApiError(
      'Forbidden',
      `unable to upgrade: unable to negotiate protocol: client supports [${offered.join(' ')}], server accepts [${protocols.join(' ')}]`,
    );
  return chosen;
}

/** Agrees to SPDY/3.1 with this protocol. */
export function acceptSpdy({ socket, head }: Upgrade, protocol: string): void {
  if ('setNoDelay' in socket) (socket as Socket).setNoDelay(true);
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: ${protocol}\r\n\r\n`,
  );
  if (head.length > 0) socket.unshift(head);
}

/** Refuses as a kubelet does, whose answers the API server hands on: in plain text. */
export function refuseInText(socket: Duplex, text: string): void {
  const head = [
    'HTTP/1.1 500 Internal Server Error',
    'Content-Type: text/plain; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(text)}`,
    'Connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${text}`);
}
