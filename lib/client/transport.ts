/** One connection to the API server, for unary calls and streams. It comes back by itself after a failure. */
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { Client as Channel, Metadata, credentials } from '@grpc/grpc-js';
import type {
  ChannelCredentials,
  ChannelOptions,
  ClientReadableStream,
  ClientUnaryCall,
  MethodDefinition,
  ServiceError,
} from '@grpc/grpc-js';
import type { Env } from '#lib/env/env.ts';
import { ApiError } from '#lib/meta/errors.ts';
import { fromServiceError } from './grpc-status.ts';

export interface ClientConfig {
  /** `unix:/path` or `host:port`. */
  address: string;
  /** For `host:port`: the CA of the server's certificate, and our own certificate, which says who we are. PEM files. */
  caFile?: string;
  certFile?: string;
  keyFile?: string;
  /** For `unix:`: who we are; the server believes whoever can open the socket. */
  user?: string;
  groups?: readonly string[];
}

export interface Transport {
  call<Req, Res>(method: MethodDefinition<Req, Res>, request: Req): Promise<Res>;
  /** A stream of answers; ends by throwing ApiError, or the signal's reason. */
  stream<Req, Res>(method: MethodDefinition<Req, Res>, request: Req, signal: AbortSignal): AsyncIterable<Res>;
  /** Fails what is under way with ServiceUnavailable. */
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

/** Opens lazily; calls wait for the connection as long as their deadline lets them. */
export function makeTransport(config: ClientConfig, env: Env): Transport {
  const channel = new Channel(config.address, credentialsOf(config), { ...channelOptions, ...nameOf(config) });
  const metadata = identityOf(config);
  const underWay = new Set<{ cancel(): void }>();

  return {
    call: <Req, Res>(method: MethodDefinition<Req, Res>, request: Req) =>
      new Promise<Res>((resolve, reject) => {
        const call: ClientUnaryCall = channel.makeUnaryRequest(
          method.path,
          method.requestSerialize,
          method.responseDeserialize,
          request,
          metadata,
          { deadline: env.now() + deadlineMs },
          (error: ServiceError | null, answer?: Res) => {
            underWay.delete(call);
            if (error) reject(fromServiceError(error));
            else resolve(answer!);
          },
        );
        underWay.add(call);
      }),

    async *stream<Req, Res>(method: MethodDefinition<Req, Res>, request: Req, signal: AbortSignal) {
      signal.throwIfAborted();
      const { path, requestSerialize, responseDeserialize } = method;
      const call: ClientReadableStream<Res> = channel.makeServerStreamRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        metadata,
      );
      const cancel = () => call.cancel();
      signal.addEventListener('abort', cancel, { once: true });
      underWay.add(call);
      try {
        for await (const message of call) yield message as Res;
      } catch (error) {
        signal.throwIfAborted();
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
      for (const call of underWay) call.cancel();
      channel.close();
    },
  };
}

function credentialsOf({ address, caFile, certFile, keyFile }: ClientConfig): ChannelCredentials {
  if (address.startsWith('unix:')) return credentials.createInsecure();
  const read = (file: string | undefined) => (file === undefined ? null : readFileSync(file));
  return credentials.createSsl(read(caFile), read(keyFile), read(certFile));
}

/** TLS knows servers by name only: one reached by its address must prove to be the API server, as each of its certificates says. */
function nameOf({ address }: ClientConfig): ChannelOptions {
  const host = address.replace(/:\d+$/, '').replaceAll(/[[\]]/g, '');
  return isIP(host) ? { 'grpc.ssl_target_name_override': 'kubernetes', 'grpc.default_authority': 'kubernetes' } : {};
}

function identityOf({ user, groups = [] }: ClientConfig): Metadata {
  const metadata = new Metadata({ waitForReady: true });
  if (user !== undefined) metadata.set('wherry-user', user);
  for (const group of groups) metadata.add('wherry-group', group);
  return metadata;
}
