/** The TLS listeners: HTTP/1.1 and HTTP/2 on one port, client certificates asked for but not demanded. */
import { once } from 'node:events';
import { createSecureServer } from 'node:http2';
import type { Http2SecureServer, ServerHttp2Session } from 'node:http2';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Server } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import type { Env } from '#lib/env/env.ts';
import type { LiveTls } from '#lib/env/live-tls.ts';
import type { App } from './app.ts';

export interface ServerOptions {
  listen: readonly { host: string; port: number }[];
  /** The authority that signs clients, and our own certificate and key. Connections last when they change; new ones are by what holds then. */
  tls: LiveTls;
  app: App;
  /** Hears of each connection that was given up before it was encrypted. */
  onBadHandshake(): void;
  env: Env;
}

export interface RunningServer {
  /** Where it listens, in the order asked for. */
  addresses: AddressInfo[];
  /**
   * Takes no more connections at once, lets requests under way end, and closes connections as they fall idle: those of HTTP/2 are told by GOAWAY, those
   * of HTTP/1 with their next answer. Whatever still goes on after a while is cut.
   */
  stop(): Promise<void>;
}

/** Streams that one HTTP/2 connection may have open: client-go holds many watches on one. */
const streamLimit = 1000;

/** A connection that has not shaken hands in this time is closed. */
const handshakeLimitMs = 10_000;

/** Bytes that one HTTP/2 connection may have under way, in MiB: a client's lists and watches share one. */
const sessionMemoryMiB = 512;

/** A request whose headers have not arrived in this time is given up, as upstream. */
const headersLimitMs = 32_000;

/** An idle connection of HTTP/1 is kept this long; client-go gives up its own after 90 seconds. */
const keepAliveMs = 120_000;

/** How long requests under way may take when the server stops; a process has five seconds for all of its services. */
const drainMs = 2500;

/** How long what has been written when everything is answered may take to leave. */
const farewellMs = 500;

/** A connection of HTTP/1 that has been idle for this long, as the server stops, is one that its client does not use just now. */
const idleMs = 50;

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

function makeServer({ tls, app, onBadHandshake, env }: ServerOptions): {
  server: Http2SecureServer;
  stop(): Promise<void>;
} {
  const { log } = env;
  const server = createSecureServer({
    allowHTTP1: true,
    Http1IncomingMessage: app.classes[1].Request,
    Http1ServerResponse: app.classes[1].Response,
    Http2ServerRequest: app.classes[2].Request,
    Http2ServerResponse: app.classes[2].Response,
    ...tls.current,
    requestCert: true,
    rejectUnauthorized: false,
    handshakeTimeout: handshakeLimitMs,
    maxSessionMemory: sessionMemoryMiB,
    settings: { maxConcurrentStreams: streamLimit, initialWindowSize: 1024 * 1024 },
  });
  const unfollow = tls.onChange((now) => {
    // Session tickets of before are void with it, so that nobody comes back unasked whom only the authorities of before knew.
    server.setSecureContext(now);
  });
  // With allowHTTP1 the server has what an HTTP/1 server has, though its type does not say so.
  Object.assign(server, {
    keepAliveTimeout: keepAliveMs,
    headersTimeout: headersLimitMs,
    // How long a body may take is up to what it is for: what goes through a proxy may take as long as it likes.
    requestTimeout: 0,
    // Where another protocol is not spoken, the wish for it is ignored, and the request answered like any other.
    shouldUpgradeCallback: (request: IncomingMessage) => app.takesOver(request),
  });
  const sockets = new Set<Socket>();
  const sessions = new Set<ServerHttp2Session>();
  /** Connections that were made, or that a request has come by, lately; there are none while the server does not stop. */
  let usedLately: Set<unknown> | undefined;
  server.on('request', (request, response) => {
    if (usedLately && request.httpVersionMajor === 1) {
      usedLately.add(request.socket);
      response.setHeader('connection', 'close');
    }
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
    usedLately?.add(socket);
    socket.setNoDelay(true);
    socket.on('close', () => sockets.delete(socket));
  });
  server.on('tlsClientError', (error) => {
    onBadHandshake();
    log.debug('A client did not complete the TLS handshake', { error });
  });
  server.on('sessionError', (error) => log.debug('An HTTP/2 session failed', { error }));
  return {
    server,
    async stop() {
      unfollow();
      const used = (usedLately = new Set<unknown>());
      // Its own close() would cut the connections of HTTP/1 that are idle at this very moment.
      const closed = new Promise<void>((resolve) => Server.prototype.close.call(server, () => resolve()));
      for (const session of sessions) session.close();
      for (const socket of sockets) tellLast(socket);
      const stopSweeping = sweepIdle(sockets, used, env);
      await Promise.race([app.quiet(), env.sleep(drainMs)]);
      await Promise.race([closed, env.sleep(farewellMs)]);
      stopSweeping();
      for (const session of sessions) session.destroy();
      for (const socket of sockets) socket.destroy();
      await closed;
      server.close();
    },
  };
}

/** Closes connections of HTTP/1 that nothing has gone on over for a while. `used` holds those by which something has come since. Returns the way to stop. */
function sweepIdle(sockets: ReadonlySet<Socket>, used: Set<unknown>, env: Env): () => void {
  let cancel = () => {};
  const later = () => {
    used.clear();
    for (const socket of sockets) if (isBusy(socket)) used.add(socket);
    cancel = env.after(idleMs, () => {
      // Timers come before what has arrived meanwhile, when this process was held up: that is looked at first.
      cancel = env.after(1, () => {
        for (const socket of sockets) if (!isBusy(socket) && !used.has(socket)) socket.end();
        later();
      });
    });
  };
  later();
  return () => cancel();
}

/** A connection as Node's HTTP server sees it. */
type HttpSocket = Socket & { alpnProtocol?: string | false; _httpMessage?: ServerResponse | null };

/** Whether an HTTP/1 connection has an answer under way, or is one of HTTP/2, which ends by itself. */
function isBusy(socket: Socket): boolean {
  const { alpnProtocol, _httpMessage } = socket as HttpSocket;
  return alpnProtocol === 'h2' || Boolean(_httpMessage);
}

/** Lets the answer under way say that it is the last on its connection, if it is not too late. */
function tellLast(socket: Socket): void {
  const { alpnProtocol, _httpMessage } = socket as HttpSocket;
  if (alpnProtocol !== 'h2' && _httpMessage && !_httpMessage.headersSent) _httpMessage.setHeader('connection', 'close');
}
