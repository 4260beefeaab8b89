/** The TLS listeners: HTTP/1.1 and HTTP/2 on one port, client certificates asked for but not demanded. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createSecureServer } from 'node:http2';
import type { Http2SecureServer, ServerHttp2Session } from 'node:http2';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { LiveTls } from '#lib/env/live-tls.ts';
import type { Log } from '#lib/env/log.ts';
import type { App } from './app.ts';

export interface ServerOptions {
  listen: readonly { host: string; port: number }[];
  /** The authority that signs clients, and our own certificate and key. Connections last when they change; new ones are by what holds then. */
  tls: LiveTls;
  app: App;
  log: Log;
}

export interface RunningServer {
  /** Where it listens, in the order asked for. */
  addresses: AddressInfo[];
  stop(): Promise<void>;
}

/** Streams that one HTTP/2 connection may have open: client-go holds many watches on one. */
const streamLimit = 1000;

/** A connection that has not shaken hands in this time is closed. */
const handshakeLimitMs = 10_000;

/** What TLS encrypts session tickets by. */
const ticketKeyBytes = 48;

/** Bytes that one HTTP/2 connection may have under way, in MiB: a client's lists and watches share one. */
const sessionMemoryMiB = 512;

/** An idle connection of HTTP/1 is kept this long; client-go gives up its own after 90 seconds. */
const keepAliveMs = 120_000;

/** How long answers under way may take when the server stops. */
const drainMs = 1000;

export async function listen(options: ServerOptions): Promise<RunningServer> {
  const servers = options.listen.map(() => makeServer(options));
  await Promise.all(
    servers.map(async ({ server }, i) => {
      server.listen(options.listen[i]);
      await once(server, 'listening');
    }),
  );
  return {
    addresses: servers.map(({ server }) => server.address() as AddressInfo),
    async stop() {
      await Promise.all(servers.map((server) => server.stop()));
    },
  };
}

function makeServer({ tls, app, log }: ServerOptions): {
  server: Http2SecureServer;
  stop(): Promise<void>;
} {
  const server = createSecureServer({
    allowHTTP1: true,
    ...tls.current,
    requestCert: true,
    rejectUnauthorized: false,
    handshakeTimeout: handshakeLimitMs,
    maxSessionMemory: sessionMemoryMiB,
    settings: { maxConcurrentStreams: streamLimit, initialWindowSize: 1024 * 1024 },
  });
  const unfollow = tls.onChange((now) => {
    server.setSecureContext(now);
    // Who comes back by a ticket is not asked for a certificate again, and may be one whom the authorities of before knew.
    server.setTicketKeys(randomBytes(ticketKeyBytes));
  });
  // With allowHTTP1 the server has what an HTTP/1 server has, though its type does not say so.
  (server as unknown as { keepAliveTimeout: number }).keepAliveTimeout = keepAliveMs;
  const sockets = new Set<Socket>();
  const sessions = new Set<ServerHttp2Session>();
  server.on('request', (request, response) => {
    app.listener(request as unknown as IncomingMessage, response as never);
  });
  server.on('upgrade' as 'request', app.upgrade as never);
  server.on('session', (session) => {
    sessions.add(session);
    session.on('close', () => sessions.delete(session));
    session.on('error', (error) => log.debug('An HTTP/2 session failed', { error }));
  });
  server.on('secureConnection', (socket) => {
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.on('close', () => sockets.delete(socket));
  });
  server.on('tlsClientError', (error) => log.debug('A client did not complete the TLS handshake', { error }));
  server.on('sessionError', (error) => log.debug('An HTTP/2 session failed', { error }));
  return {
    server,
    async stop() {
      unfollow();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const session of sessions) session.close();
      const deadline = AbortSignal.timeout(drainMs);
      deadline.addEventListener('abort', () => {
        for (const session of sessions) session.destroy();
        for (const socket of sockets) socket.destroy();
      });
      // Idle HTTP/1 connections would keep the server open: whoever has an answer under way has until the deadline.
      for (const socket of sockets) if (!isBusy(socket)) socket.destroy();
      await closed;
    },
  };
}

/** Whether an HTTP/1 connection has an answer under way, or is one of HTTP/2, which ends by itself. */
function isBusy(socket: Socket): boolean {
  const { alpnProtocol, _httpMessage } = socket as Socket & { alpnProtocol?: string | false; _httpMessage?: unknown };
  return alpnProtocol === 'h2' || Boolean(_httpMessage);
}
