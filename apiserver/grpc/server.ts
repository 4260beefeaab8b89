/** The Cluster service of protos/wherry/v1/cluster.proto: translates to the verbs, on a unix socket, over mTLS, or both. */
import { chmodSync, rmSync } from 'node:fs';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import type { ServerOptions, ServerUnaryCall, sendUnaryData } from '@grpc/grpc-js';
import { toServiceError } from '#lib/client/grpc-status.ts';
import { serverCredentials } from '#lib/client/grpc-tls.ts';
import type { Env } from '#lib/env/env.ts';
import { followTls } from '#lib/env/live-tls.ts';
import type { LiveTls } from '#lib/env/live-tls.ts';
import type { Service } from '#lib/env/service.ts';
import { ApiError } from '#lib/meta/errors.ts';
import { clusterService } from '#protos/gen/cluster.ts';
import type { GetRequest, ListReply, ListRequest, ObjectReply, WriteReply, WriteRequest } from '#protos/gen/cluster.ts';
import type { Caller, Verbs } from '../verbs/types.ts';
import { byCertificate, byMetadata } from './identity.ts';
import type { Credentials, Identify } from './identity.ts';
import { makeBatchEncoder } from './watch-messages.ts';
import { endForShutdown, serveWatch } from './watch.ts';
import type { WatchCall } from './watch.ts';
import { kindOf, performWrite } from './write.ts';
import type { KindAt } from './write.ts';
import { serveWrites } from './writes.ts';
import type { WritesCall } from './writes.ts';

export interface GrpcConfig {
  /** A unix socket for callers on this machine, who are believed to be whom they say. */
  socketPath?: string;
  /** `host:port` for others, with mutual TLS; port 0 for any. */
  address?: string;
  /** With `address`: the CA of client certificates, and the server's own certificate. PEM files, taken over when they change. */
  caFile?: string;
  certFile?: string;
  keyFile?: string;
}

export interface GrpcService extends Service {
  /** The port of `address`. */
  readonly port: number | undefined;
}

export interface GrpcParts {
  verbs: Verbs;
  kindAt: KindAt;
  env: Env;
}

/** How long calls may take to end when the server stops. */
const graceMs = 1000;

/** Calls of one connection that are under way at a time, watches among them; further ones wait with the client. */
const callLimit = 256;

const serverOptions: ServerOptions = {
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 5000,
  'grpc.max_receive_message_length': 16 * 1024 * 1024,
  'grpc.max_send_message_length': -1,
  'grpc.max_concurrent_streams': callLimit,
};

/** Starts listening; resolves once calls are answered. */
export async function startGrpc(config: GrpcConfig, parts: GrpcParts): Promise<GrpcService> {
  const watches = new Set<WatchCall>();
  const servers: Server[] = [];
  const listen = async (address: string, credentials: ServerCredentials, identify: Identify) => {
    const server = makeServer(parts, identify, watches);
    servers.push(server);
    return bind(server, address, credentials);
  };
  let port: number | undefined;
  let tls: LiveTls | undefined;
  if (config.socketPath !== undefined) {
    // One that was killed leaves its socket behind.
    rmSync(config.socketPath, { force: true });
    await listen(`unix:${config.socketPath}`, ServerCredentials.createInsecure(), byMetadata);
    chmodSync(config.socketPath, 0o600);
  }
  if (config.address !== undefined) {
    tls = followTls(config, parts.env);
    port = await listen(config.address, serverCredentials(tls), byCertificate);
  }
  return {
    port,
    async stop() {
      for (const call of watches) endForShutdown(call);
      await Promise.all(servers.map((server) => shutDown(server, parts.env)));
      tls?.close();
    },
  };
}

function makeServer({ verbs, kindAt, env }: GrpcParts, identify: Identify, watches: Set<WatchCall>): Server {
  const server = new Server(serverOptions);
  const encode = makeBatchEncoder();
  const fail = (error: unknown) => {
    if (!(error instanceof ApiError)) env.log.error('A call failed', { error });
    return toServiceError(error);
  };
  const settle = async <Res>(answer: () => Promise<Res>, reply: sendUnaryData<Res>) => {
    let result: Res;
    try {
      result = await answer();
    } catch (error) {
      reply(fail(error));
      return;
    }
    reply(null, result);
  };
  const unary =
    <Req, Res>(answer: (request: Req, caller: Caller) => Promise<Res>) =>
    (call: ServerUnaryCall<Req, Res>, reply: sendUnaryData<Res>) =>
      void settle(async () => answer(call.request, identify(call as Credentials)), reply);
  // Messages of a watch are encoded already.
  const definition = {
    ...clusterService,
    watch: { ...clusterService.watch, responseSerialize: (bytes: Buffer) => bytes },
  };
  server.addService(definition, {
    get: unary(async ({ target, name }: GetRequest, caller): Promise<ObjectReply> => {
      const entry = await verbs.get(caller, kindOf(kindAt, target), { namespace: target?.namespace ?? '', name });
      return { object: entry.bytes };
    }),
    list: unary(async (request: ListRequest, caller): Promise<ListReply> => {
      const { target, labelSelector, fieldSelector, limit } = request;
      const result = await verbs.list(caller, kindOf(kindAt, target), {
        namespace: target?.namespace ?? '',
        labelSelector,
        fieldSelector,
        ...(limit > 0 && { limit }),
        ...(request.continue && { continue: request.continue }),
      });
      const objects = result.entries.map((entry) => entry.bytes);
      return { objects, resourceVersion: String(result.revision), continue: result.continue };
    }),
    write: unary(async (request: WriteRequest, caller): Promise<WriteReply> => {
      const done = await performWrite(verbs, kindAt, caller, request);
      return { id: request.id, ...done, status: Buffer.alloc(0) };
    }),
    writes: (call: WritesCall) => {
      const run = async () => {
        const caller = identify(call as Credentials);
        serveWrites(call, (request) => performWrite(verbs, kindAt, caller, request), env);
      };
      run().catch((error: unknown) => call.emit('error', fail(error)));
    },
    watch: (call: WatchCall) => {
      watches.add(call);
      call.once('cancelled', () => watches.delete(call));
      const run = async () => serveWatch(call, identify(call as Credentials), { verbs, kindAt, env, encode });
      run().catch((error: unknown) => call.emit('error', fail(error)));
    },
  });
  return server;
}

function bind(server: Server, address: string, credentials: ServerCredentials): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(address, credentials, (error, port) => {
      if (error) reject(new Error(`Cannot listen on ${address}: ${error.message}`, { cause: error }));
      else resolve(port);
    });
  });
}

async function shutDown(server: Server, env: Env): Promise<void> {
  const gracefully = new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
  const cancel = env.after(graceMs, () => server.forceShutdown());
  await gracefully;
  cancel();
}
