/** Connections to the nodes' agents: one per node, opened when first needed, closed when idle. */
import { Client as Channel, connectivityState, status } from '@grpc/grpc-js';
import type { ChannelOptions, ClientDuplexStream, ClientReadableStream, ServiceError } from '@grpc/grpc-js';
import type { Env } from '#lib/env/env.ts';
import { followTls } from '#lib/env/live-tls.ts';
import { fromServiceError } from '#lib/client/grpc-status.ts';
import { channelCredentials } from '#lib/client/grpc-tls.ts';
import type { Node } from '#lib/kinds/gen/core-v1.ts';
import { ApiError } from '#lib/meta/errors.ts';
import { dialText } from './dial-text.ts';
import { nodeService } from '#protos/gen/node.ts';
import type { Chunk, ExecInput, ExecOutput, LogsRequest, PortInput } from '#protos/gen/node.ts';

/** PEM files, taken over when they change: the authority of the agents' certificates, and our own certificate, which they ask for. */
export interface NodeTls {
  caFile: string;
  certFile: string;
  keyFile: string;
}

/** Calls to one node. They begin at once and fail by an `error` event; see nodeFailure(). */
export interface NodeCalls {
  /** The agent's host and port. */
  address: string;
  logs(request: LogsRequest): ClientReadableStream<Chunk>;
  exec(): ClientDuplexStream<ExecInput, ExecOutput>;
  attach(): ClientDuplexStream<ExecInput, ExecOutput>;
  portForward(): ClientDuplexStream<PortInput, Chunk>;
}

export interface Nodes {
  /** Throws Unknown when the node has not said where its agent is. */
  callsTo(node: Node): NodeCalls;
  close(): void;
}

const idleMs = 60_000;

/** A node that is silent for 15 s is given up, and everything streaming from it fails. */
const channelOptions: ChannelOptions = {
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 5000,
  'grpc.initial_reconnect_backoff_ms': 50,
  'grpc.max_reconnect_backoff_ms': 2000,
  'grpc.use_local_subchannel_pool': 1,
};

/**
 * How long a channel may take to become ready once somebody needs it. grpc-js itself waits without end for a node that accepted the connection and then says
 * nothing.
 */
const connectWithinMs = 10_000;

/** How grpc-js words what becomes of calls that waited for a channel that was closed. */
const givenUp = 'Channel closed before call started';

/** How a failure to reach a node begins. */
export const dialFailed = 'error dialing backend';

interface Pooled {
  channel: Channel;
  /** Whether somebody looks after its becoming ready. */
  isGuarded: boolean;
  calls: number;
  cancelIdle: () => void;
}

/** `limitMs` is how long a connection may take. */
export function connectNodes(tls: NodeTls, env: Env, limitMs = connectWithinMs): Nodes {
  const pool = new Map<string, Pooled>();
  const live = followTls(tls, env);
  const identity = channelCredentials(live);

  const channelTo = (key: string, address: string, name: string): Pooled => {
    const known = pool.get(key);
    if (known) return known;
    // The certificate must be that node's own: another node may answer at an address that moved.
    const options = { ...channelOptions, 'grpc.ssl_target_name_override': name, 'grpc.default_authority': name };
    const channel = new Channel(address, identity, options);
    const made: Pooled = { channel, isGuarded: false, calls: 0, cancelIdle: () => {} };
    pool.set(key, made);
    return made;
  };

  /** Gives up a channel that does not become ready in time: calls that wait for it fail, and later ones have another. */
  const guard = (key: string, pooled: Pooled) => {
    const { channel } = pooled;
    if (pooled.isGuarded || channel.getChannel().getConnectivityState(false) === connectivityState.READY) return;
    pooled.isGuarded = true;
    channel.waitForReady(env.now() + limitMs, (error) => {
      pooled.isGuarded = false;
      if (!error || pool.get(key) !== pooled) return;
      pool.delete(key);
      pooled.cancelIdle();
      channel.close();
    });
  };

  /** Counts the call, so that the channel closes some time after its last one. */
  const track = <C extends { on(event: 'status', listener: () => void): unknown }>(
    key: string,
    pooled: Pooled,
    call: C,
  ) => {
    pooled.cancelIdle();
    pooled.calls += 1;
    call.on('status', () => {
      pooled.calls -= 1;
      if (pooled.calls > 0) return;
      pooled.cancelIdle = env.after(idleMs, () => {
        if (pool.get(key) === pooled) pool.delete(key);
        pooled.channel.close();
      });
    });
    return call;
  };

  return {
    callsTo(node) {
      const { name } = node.metadata;
      const address = addressOf(node);
      if (address === undefined) throw new ApiError('Unknown', 'no preferred addresses found; known addresses: []');
      const key = `${name} ${address}`;
      const pooled = channelTo(key, address, name);
      guard(key, pooled);
      const { exec, attach, portForward, logs } = nodeService;
      const duplex = <Req, Res>(method: { path: string } & Codec<Req, Res>) =>
        track(
          key,
          pooled,
          pooled.channel.makeBidiStreamRequest(method.path, method.requestSerialize, method.responseDeserialize),
        );
      return {
        address,
        exec: () => duplex(exec),
        attach: () => duplex(attach),
        portForward: () => duplex(portForward),
        logs: (request) =>
          track(
            key,
            pooled,
            pooled.channel.makeServerStreamRequest(logs.path, logs.requestSerialize, logs.responseDeserialize, request),
          ),
      };
    },
    close() {
      for (const { channel, cancelIdle } of pool.values()) {
        cancelIdle();
        channel.close();
      }
      pool.clear();
      live.close();
    },
  };
}

interface Codec<Req, Res> {
  requestSerialize: (value: Req) => Buffer;
  responseDeserialize: (bytes: Buffer) => Res;
}

/** What a failed call means: what the agent says, or that it cannot be reached. */
export function nodeFailure(error: unknown): Error {
  if (!isServiceError(error)) return error instanceof Error ? error : new Error(String(error));
  if (error.metadata?.get('wherry-status-bin').length > 0) {
    const { reason, message, details } = fromServiceError(error);
    return new ApiError(reason, dialText(message), details, { cause: error });
  }
  const { code } = error;
  const details = dialText(error.details);
  if (code === status.NOT_FOUND) return new ApiError('NotFound', details, undefined, { cause: error });
  if (code === status.INVALID_ARGUMENT || code === status.FAILED_PRECONDITION)
    return new ApiError('BadRequest', details, undefined, { cause: error });
  if (code !== status.UNAVAILABLE) return new ApiError('InternalError', details, undefined, { cause: error });
  // gRPC says more than anybody wants to know.
  const dialled = /dial tcp \S+: connect: [a-z ]*[a-z]/.exec(details)?.[0];
  const because = details === givenUp ? 'i/o timeout' : (dialled ?? details);
  return new ApiError('Unknown', `${dialFailed}: ${because}`, undefined, { cause: error });
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && 'code' in error && 'details' in error && 'metadata' in error;
}

function addressOf({ status }: Node): string | undefined {
  const ip = status?.addresses?.find(({ type }) => type === 'InternalIP')?.address;
  const port = status?.daemonEndpoints?.kubeletEndpoint?.Port;
  if (!ip || !port) return undefined;
  return ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`;
}
