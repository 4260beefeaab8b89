/** Upgrades to WebSocket, with Kubernetes' sub-protocols and a heartbeat. */
import type { IncomingMessage } from 'node:http';
import { Duplex } from 'node:stream';
import type { RawData, WebSocket } from 'ws';
import { WebSocketServer } from 'ws';
import type { Env } from '#lib/env/env.ts';
import { ApiError, badRequest } from '#lib/meta/errors.ts';
import { webSocketTokenPrefix } from '../auth/bearer.ts';
import type { Upgrade } from '../rest/exchange.ts';

const largestMessage = 4 * 1024 * 1024;
/** A client that leaves two pings unanswered is gone. */
const pingEveryMs = 15_000;

/** The first of the client's sub-protocols that we speak; '' when it names none. Throws Forbidden when we speak none of them. */
export function chooseProtocol<P extends string>(request: IncomingMessage, spoken: readonly P[]): P | '' {
  const offered = (request.headers['sec-websocket-protocol'] ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '' && !name.startsWith(webSocketTokenPrefix));
  if (offered.length === 0) return '';
  const chosen = offered.find((name): name is P => (spoken as readonly string[]).includes(name));
  if (chosen === undefined)
    throw new ApiError(
      'Forbidden',
      `requested protocol(s) are not supported: [${offered.join(' ')}]; supports [${spoken.join(' ')}]`,
    );
  return chosen;
}

/**
 * Completes the upgrade. Messages wait until resume(); failures of the socket end in its `close` event. Without a heartbeat a client may leave what it is
 * sent unread for as long as it likes.
 */
export function acceptWebSocket(
  { request, socket, head }: Upgrade,
  protocol: string,
  env: Env,
  { heartbeat = true }: { heartbeat?: boolean } = {},
): Promise<WebSocket> {
  // `ws` refuses names with a slash, which one of ours has: it does not see the header, we answer it.
  delete request.headers['sec-websocket-protocol'];
  const server = new WebSocketServer({ noServer: true, maxPayload: largestMessage, clientTracking: false });
  if (protocol !== '') server.on('headers', (lines) => lines.push(`Sec-WebSocket-Protocol: ${protocol}`));
  return new Promise((resolve, reject) => {
    const leave = () => reject(new Error('the client left during the upgrade'));
    if (socket.destroyed) return leave();
    socket.once('close', leave);
    server.on('wsClientError', (error) => reject(badRequest(error.message)));
    server.handleUpgrade(request, socket, head, (webSocket) => {
      webSocket.on('error', (error) => env.log.debug('A WebSocket failed', { error }));
      webSocket.pause();
      if (heartbeat) keepAlive(webSocket, env);
      resolve(webSocket);
    });
  });
}

function keepAlive(webSocket: WebSocket, env: Env): void {
  let unanswered = 0;
  let cancel = () => {};
  const beat = () => {
    cancel = env.after(pingEveryMs, () => {
      // While we do not read, answers wait in the socket; then only a broken connection says that nobody is there.
      if (unanswered >= 2 && !webSocket.isPaused) return webSocket.terminate();
      unanswered += 1;
      webSocket.ping();
      beat();
    });
  };
  webSocket.on('pong', () => (unanswered = 0));
  webSocket.on('message', () => (unanswered = 0));
  webSocket.on('close', () => cancel());
  beat();
}

/** One message as one buffer. */
export function bytesOf(data: RawData): Buffer {
  if (Array.isArray(data)) return Buffer.concat(data);
  return Buffer.isBuffer(data) ? data : Buffer.from(data);
}

/** The bytes of binary messages as a stream, for what is tunnelled through a WebSocket. */
export function tunnelOf(webSocket: WebSocket): Duplex {
  const tunnel = new Duplex({
    read() {
      webSocket.resume();
    },
    write(chunk: Buffer, _encoding, done) {
      webSocket.send(chunk, { binary: true }, done);
    },
    final(done) {
      webSocket.close(1000);
      done();
    },
    destroy(error, done) {
      webSocket.terminate();
      done(error);
    },
  });
  webSocket.resume();
  webSocket.on('message', (data: RawData) => {
    if (!tunnel.push(bytesOf(data))) webSocket.pause();
  });
  webSocket.on('close', () => {
    if (!tunnel.readableEnded) tunnel.push(null);
    tunnel.destroy();
  });
  return tunnel;
}
