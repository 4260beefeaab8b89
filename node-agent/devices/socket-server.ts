/** gRPC for who is on the same machine: a unix socket in a folder that hosts' pods mount. */
import { mkdirSync, rmSync } from 'node:fs';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { Socket } from 'node:net';
import path from 'node:path';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import type { ServiceDefinition, UntypedServiceImplementation } from '@grpc/grpc-js';
import type { Env } from '#lib/env/env.ts';
import { withPlainAuthority } from './authority.ts';

export interface SocketServer {
  /** Ends all connections and removes the socket. */
  close(): void;
}

/** Connections at one time: a few for each plug-in or reader of a node. */
const mostConnections = 1000;

/** Serves on `file`, in place of what is there; resolves once calls are answered. */
export async function serveOnSocket(
  file: string,
  definition: ServiceDefinition,
  service: UntypedServiceImplementation,
  env: Env,
): Promise<SocketServer> {
  mkdirSync(path.dirname(file), { recursive: true, mode: 0o750 });
  rmSync(file, { force: true });
  const calls = new Server();
  calls.addService(definition, service);
  const injector = calls.createConnectionInjector(ServerCredentials.createInsecure());
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', (error) => env.log.debug('A connection failed', { file, error }));
    injector.injectConnection(withPlainAuthority(socket, file));
  });
  server.maxConnections = mostConnections;
  server.listen(file);
  await once(server, 'listening');
  return {
    close() {
      // Closing removes the socket.
      server.close();
      injector.destroy();
      calls.forceShutdown();
      for (const socket of sockets) socket.destroy();
    },
  };
}
