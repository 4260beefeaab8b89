/** The HTTP side of changing a connection's protocol to SPDY. */
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { ApiError } from '#lib/meta/errors.ts';
import type { Upgrade } from '../rest/exchange.ts';

/** Whether the client wants SPDY; else it wants WebSocket, or something that `ws` refuses. */
export function isSpdy(request: IncomingMessage): boolean {
  return (request.headers.upgrade ?? '').toLowerCase() === 'spdy/3.1';
}

/** Agrees to SPDY/3.1 with the best protocol that both sides know. Throws Forbidden when there is none. */
export function acceptSpdy<P extends string>({ request, socket, head }: Upgrade, protocols: readonly P[]): P {
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
  if ('setNoDelay' in socket) (socket as Socket).setNoDelay(true);
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: ${chosen}\r\n\r\n`,
  );
  if (head.length > 0) socket.unshift(head);
  return chosen;
}
