/** One port for two protocols: gRPC over HTTP/2, and pages over HTTP/1.1. The client's offer at the handshake decides; gRPC takes a certificate of the cluster's authority. */
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import type { RequestListener } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { createServer } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import { ServerCredentials } from '@grpc/grpc-js';
import type { Server } from '@grpc/grpc-js';
import type { Env } from '#lib/env/env.ts';
import type { LiveTls } from '#lib/env/live-tls.ts';

export interface Front {
  port: number;
  /** Ends all connections. */
  close(): void;
}

/** A connection that has not shaken hands in this time is closed. */
const handshakeLimitMs = 10_000;
/** HTTP/1.1 connections at one time. */
const mostConnections = 200;

/** Listens; `pages` judge themselves who asks. */
export async function openFront(
  { host, port }: { host: string; port: number },
  tls: LiveTls,
  calls: Server,
  pages: RequestListener,
  env: Env,
): Promise<Front> {
  const sockets = new Set<Socket>();
  const http = createHttpServer({ keepAliveTimeout: 60_000, headersTimeout: handshakeLimitMs }, pages);
  const injector = calls.createConnectionInjector(ServerCredentials.createInsecure());
  const server = createServer({
    ...tls.current,
    requestCert: true,
    rejectUnauthorized: false,
    handshakeTimeout: handshakeLimitMs,
    // In our order: who speaks both, as most that gather metrics do, wants a page; callers of gRPC offer nothing but HTTP/2.
    ALPNProtocols: ['http/1.1', 'h2'],
  });
  const stopFollowing = tls.onChange((material) => server.setSecureContext(material));
  let openPages = 0;
  server.on('secureConnection', (socket: TLSSocket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', (error) => env.log.debug('A connection failed', { error }));
    socket.setNoDelay(true);
    if (socket.alpnProtocol === 'h2') {
      return socket.authorized ? injector.injectConnection(socket) : void socket.destroy();
    }
    if (openPages >= mostConnections) return void socket.destroy();
    openPages += 1;
    socket.on('close', () => (openPages -= 1));
    http.emit('connection', socket);
  });
  server.on('tlsClientError', (error) => env.log.debug('A client did not complete the TLS handshake', { error }));
  server.listen(port, host);
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    close() {
      stopFollowing();
      server.close();
      injector.destroy();
      for (const socket of sockets) socket.destroy();
    },
  };
}
