/** One connection to the API server, for unary calls and streams. It comes back by itself after a failure. */
import { isIP } from 'node:net';
import { Client as Channel, Metadata, connectivityState, credentials, status } from '@grpc/grpc-js';
import type {
  ChannelOptions,
  ClientReadableStream,
  ClientUnaryCall,
  MethodDefinition,
  ServiceError,
} from '@grpc/grpc-js';
import type { Env } from '#lib/env/env.ts';
import { followTls } from '#lib/env/live-tls.ts';
import { backoffMs } from '#lib/meta/backoff.ts';
import { ApiError } from '#lib/meta/errors.ts';
import { fromServiceError, hasStatus } from './grpc-status.ts';
import { channelCredentials } from './grpc-tls.ts';

export interface ClientConfig {
  /** `unix:/path` or `host:port`. */
  address: string;
  /** For `host:port`: the CA of the server's certificate, and our own certificate, which says who we are. PEM files; the next connection is made by what they say then. */
  caFile?: string;
  certFile?: string;
  keyFile?: string;
  /** For `unix:`: who we are; the server believes whoever can open the socket. */
  user?: string;
  groups?: readonly string[];
}

export interface Transport {
  /** `repeatable`: the call does no harm when it is made twice, so it is made again when the connection breaks. */
  call<Req, Res>(method: MethodDefinition<Req, Res>, request: Req, repeatable?: boolean): Promise<Res>;
  /** A stream of answers; ends by throwing ApiError, or the signal's reason. */
  stream<Req, Res>(method: MethodDefinition<Req, Res>, request: Req, signal: AbortSignal): AsyncIterable<Res>;
  /** Fails what is under way, and all later calls, with ServiceUnavailable. */
  close(): void;
}

/** How long a unary call may take, reconnecting included. */
const deadlineMs = 30_000;

/** Ping a silent connection after 10 s and give it up 5 s later. Messages may be as large as the server's largest answer. */
const channelOptions: ChannelOptions = {
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 5000,
  'grpc.keepalive_permit_without_calls': 1,
  'grpc.initial_reconnect_backoff_ms': 50,
  'grpc.max_reconnect_backoff_ms': 2000,
  'grpc.max_receive_message_length': 256 * 1024 * 1024,
  'grpc.use_local_subchannel_pool': 1,
};

const pauses = { firstMs: 50, maxMs: 1000 };

/**
 * How long a channel may take to become ready once somebody needs it. grpc-js itself waits without end for a server that accepted the connection
 * and then says nothing, in the TLS handshake or before HTTP/2's first frame.
 */
const connectWithinMs = 5000;

/** Opens lazily; unary calls wait for the connection as long as their deadline lets them. */
export function makeTransport(config: ClientConfig, env: Env): Transport {
  const connection = makeConnection(config, env);
  const metadata = identityOf(config);
  const underWay = new Set<{ cancel(): void }>();
  const closing = new AbortController();
  let reachable = true;

  const attempt = <Req, Res>(method: MethodDefinition<Req, Res>, request: Req, deadline: number) =>
    new Promise<Res>((resolve, reject) => {
      const { path, requestSerialize, responseDeserialize } = method;
      const done = (error: ServiceError | null, answer?: Res) => {
        underWay.delete(call);
        if (error) reject(error);
        else resolve(answer!);
      };
      const call: ClientUnaryCall = connection
        .channel()
        .makeUnaryRequest(path, requestSerialize, responseDeserialize, request, metadata, { deadline }, done);
      underWay.add(call);
    });
  const tellOnce = (error: unknown) => {
    if (reachable) env.log.warn('Cannot reach the API server, trying again', { address: config.address, error });
    reachable = false;
  };

  return {
    async call<Req, Res>(method: MethodDefinition<Req, Res>, request: Req, repeatable = false) {
      const deadline = env.now() + deadlineMs;
      for (let failures = 1; ; failures++) {
        closing.signal.throwIfAborted();
        const restMs = backoffMs(failures, pauses, env.random());
        try {
          const answer = await attempt(method, request, deadline);
          reachable = true;
          return answer;
        } catch (error) {
          closing.signal.throwIfAborted();
          const failure = error as ServiceError;
          const again = isUnsent(failure) || (repeatable && isLost(failure));
          // An attempt at the deadline would only say that time is up, and not why.
          if (!again || env.now() + restMs >= deadline) throw fromServiceError(failure);
          tellOnce(error);
        }
        await env.sleep(restMs, closing.signal);
      }
    },

    async *stream<Req, Res>(method: MethodDefinition<Req, Res>, request: Req, signal: AbortSignal) {
      signal.throwIfAborted();
      closing.signal.throwIfAborted();
      const { path, requestSerialize, responseDeserialize } = method;
      const call: ClientReadableStream<Res> = connection
        .channel()
        .makeServerStreamRequest(path, requestSerialize, responseDeserialize, request, metadata);
      const cancel = () => call.cancel();
      signal.addEventListener('abort', cancel, { once: true });
      underWay.add(call);
      try {
        for await (const message of call) yield message as Res;
      } catch (error) {
        signal.throwIfAborted();
        closing.signal.throwIfAborted();
        throw fromServiceError(error as ServiceError);
      } finally {
        signal.removeEventListener('abort', cancel);
        underWay.delete(call);
        // A call that is given up still reports its end; nobody is interested any more.
        call.on('error', () => {});
        call.cancel();
      }
      throw new ApiError('ServiceUnavailable', 'Cannot go on watching: the server ended the stream');
    },

    close() {
      closing.abort(new ApiError('ServiceUnavailable', 'Cannot call the API server: the client is closed'));
      for (const call of underWay) call.cancel();
      connection.close();
    },
  };
}

/** A channel that is replaced by a new one when it does not become ready in time; calls that waited for it fail as unsent. */
function makeConnection(config: ClientConfig, env: Env) {
  const tls = config.address.startsWith('unix:') ? undefined : followTls(config, env);
  const secrets = tls ? channelCredentials(tls) : credentials.createInsecure();
  const open = () => new Channel(config.address, secrets, { ...channelOptions, ...nameOf(config) });
  let channel = open();
  let guarded = false;
  let closed = false;

  function guard(): void {
    if (guarded || closed || channel.getChannel().getConnectivityState(false) === connectivityState.READY) return;
    guarded = true;
    channel.waitForReady(env.now() + connectWithinMs, (error) => {
      guarded = false;
      if (!error || closed) return;
      const stuck = channel;
      channel = open();
      stuck.close();
    });
  }

  return {
    /** The channel for a call that begins now. */
    channel(): Channel {
      guard();
      return channel;
    },
    close(): void {
      closed = true;
      channel.close();
      tls?.close();
    },
  };
}

/** Whether the call never left, so that it can be made again whatever it is: grpc-js words it so. */
function isUnsent({ code, details }: ServiceError): boolean {
  const unsent = ['No connection established', 'Channel closed before call started'];
  return code === status.UNAVAILABLE && unsent.some((words) => details.startsWith(words));
}

/** Whether the connection broke; the server's own refusals carry a Status. */
function isLost({ code, metadata }: ServiceError): boolean {
  return code === status.UNAVAILABLE && !hasStatus(metadata);
}

/** TLS knows servers by name only: one reached by its address must prove to be the API server, as each of its certificates says. */
function nameOf({ address }: ClientConfig): ChannelOptions {
  const host = address.replace(/:\d+$/, '').replaceAll(/[[\]]/g, '');
  return isIP(host) ? { 'grpc.ssl_target_name_override': 'kubernetes', 'grpc.default_authority': 'kubernetes' } : {};
}

function identityOf({ user, groups = [] }: ClientConfig): Metadata {
  const metadata = new Metadata();
  if (user !== undefined) metadata.set('wherry-user', encodeURIComponent(user));
  // One value, since HTTP/2 would join several by a comma.
  if (groups.length > 0) metadata.set('wherry-group', groups.map(encodeURIComponent).join());
  return metadata;
}
