/** Passes a request to speak another protocol on, and then the bytes of both sides. */
import type { IncomingMessage } from 'node:http';
import { finished } from 'node:stream';
import type { Duplex } from 'node:stream';
import type { Env } from '#lib/env/env.ts';
import type { LiveTls } from '#lib/env/live-tls.ts';
import { ApiError } from '#lib/meta/errors.ts';
import type { Upgrade } from '../rest/exchange.ts';
import { beginRequest } from './connect.ts';
import type { Passage } from './connect.ts';

/**
 * Resolves when either side has left. What is asked may refuse by an ordinary answer, which ends the connection: only an agreement opens a way for
 * bytes that nobody judges any more. Rejects with ApiError when it cannot be reached.
 */
export async function forwardUpgrade(
  { request, socket, head }: Upgrade,
  passage: Passage,
  tls: LiveTls,
  env: Env,
): Promise<void> {
  // What follows the request is of the other protocol, whatever length the client gives.
  const headers = { connection: 'Upgrade', upgrade: request.headers.upgrade ?? '', 'content-length': undefined };
  const sent = beginRequest(request, passage, headers, tls, env);
  const outcome = new Promise<{ answer: IncomingMessage; peer?: Duplex; first?: Buffer }>((resolve, reject) => {
    sent.on('upgrade', (answer, peer, first) => resolve({ answer, peer, first }));
    sent.on('response', (answer) => resolve({ answer }));
    sent.on('error', reject);
    socket.once('close', () => sent.destroy());
  });
  sent.end();
  const { answer, peer, first } = await outcome.catch((error: Error) => {
    throw new ApiError('Unknown', `error dialing backend: ${error.message}`, undefined, { cause: error });
  });
  if (!peer) return refuse(socket, answer);
  peer.on('error', (error) => env.log.debug('A proxied connection failed', { error }));
  socket.write(headOf(answer));
  if (first && first.length > 0) socket.write(first);
  if (head.length > 0) peer.write(head);
  socket.pipe(peer);
  peer.pipe(socket);
  await new Promise<void>((resolve) => {
    const end = () => {
      socket.destroy();
      peer.destroy();
      resolve();
    };
    finished(socket, end);
    finished(peer, end);
  });
}

/** Hands the refusal on, and closes: whatever the client says after it goes nowhere. */
function refuse(socket: Duplex, answer: IncomingMessage): void {
  socket.write(headOf(answer, ['connection: close']));
  answer.pipe(socket);
  answer.on('error', () => socket.destroy());
}

/** The answer's first line and headers, without those of its connection when others are given. */
function headOf({ statusCode, statusMessage, rawHeaders }: IncomingMessage, own: readonly string[] = []): string {
  const lines = [`HTTP/1.1 ${statusCode} ${statusMessage}`];
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const isOfConnection = /^(connection|keep-alive|transfer-encoding)$/i.test(rawHeaders[i]!);
    if (own.length === 0 || !isOfConnection) lines.push(`${rawHeaders[i]}: ${rawHeaders[i + 1]}`);
  }
  return `${[...lines, ...own].join('\r\n')}\r\n\r\n`;
}
