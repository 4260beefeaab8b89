/** etcd's unary calls: one attempt each with a deadline, answers in our words, failures sorted. Repeating is for others to decide. */
import { isIP } from 'node:net';
import { Etcd3, isRecoverableError } from 'etcd3';
import type { IOptions } from 'etcd3';
import type { ChannelOptions } from '@grpc/grpc-js';
import type { Env } from '#lib/env/env.ts';
import { EtcdError, grpcCodes, makeEtcdChannel } from './etcd-channel.ts';
import { decodeRange, decodeSize, decodeWrite, encodeRange, encodeWrite } from './etcd-messages.ts';
import type { Page } from './etcd-messages.ts';
import type { TlsMaterial } from './etcd-tls.ts';
import type { Answer, Attempts, ConditionalWrite } from './etcd-write.ts';
import { CompactedError } from './types.ts';

/** How long one attempt at a lease may take. */
const deadlineMs = 5000;

/** Options of a channel to these endpoints. etcd itself refuses pings more often than each 5 s, and any on a connection without calls. */
export function channelOptionsFor(endpoints: readonly string[]): ChannelOptions {
  // TLS knows servers by name only. Whoever is reached by an address must be the localhost of its certificate, as etcd's usually say.
  const byAddress = endpoints.some((endpoint) => isIP(new URL(endpoint).hostname.replaceAll(/[[\]]/g, '')) !== 0);
  return { ...channelOptions, ...(byAddress && { 'grpc.ssl_target_name_override': 'localhost' }) };
}

const channelOptions: ChannelOptions = {
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 5000,
  'grpc.keepalive_permit_without_calls': 0,
  'grpc.max_receive_message_length': -1,
  'grpc.initial_reconnect_backoff_ms': 50,
  'grpc.max_reconnect_backoff_ms': 1000,
  // A channel made after a failure must get a connection of its own, not the dead one of its predecessor.
  'grpc.use_local_subchannel_pool': 1,
};

export interface EtcdCalls {
  range(from: string, to: string | undefined, options?: { limit?: number; revision?: bigint }): Promise<Page>;
  write(write: ConditionalWrite, lease: string | undefined): Promise<Answer>;
  grant(ttlSeconds: number): Promise<string>;
  /** What the database of the member that is asked takes, in bytes. */
  sizeBytes(): Promise<number>;
  /** The newest revision that any answer carried. */
  newest(): bigint;
  close(): void;
}

/** `to` is where the range ends; undefined for the one key `from`. */
export function makeEtcdCalls(endpoints: string[], tls: TlsMaterial | undefined, env: Env): EtcdCalls {
  const channel = makeEtcdChannel(endpoints, tls, env);
  let client: { of: Etcd3; ca: Buffer | undefined; cert: Buffer | undefined } | undefined;
  /** The library's client, made anew when our proofs have changed. */
  const leasing = (): Etcd3 => {
    if (client && client.ca === tls?.ca && client.cert === tls?.cert) return client.of;
    client?.of.close();
    client = { of: new Etcd3(clientOptions(endpoints, tls, env)), ca: tls?.ca, cert: tls?.cert };
    return client.of;
  };
  let newest = 0n;
  const note = (revision: bigint): void => {
    if (revision > newest) newest = revision;
  };
  return {
    async range(from, to, { limit = 0, revision = 0n } = {}) {
      const page = decodeRange(await translated(channel.call(rangePath, encodeRange(from, to, limit, revision))));
      note(page.revision);
      return revision === 0n ? page : { ...page, revision };
    },
    async write(write, lease) {
      const answer = decodeWrite(await channel.call(txnPath, encodeWrite(write, lease)));
      note(answer.revision);
      return answer;
    },
    grant: async (ttlSeconds) => (await leasing().leaseClient.leaseGrant({ TTL: ttlSeconds })).ID,
    sizeBytes: async () => decodeSize(await channel.call(statusPath, new Uint8Array())),
    newest: () => newest,
    close() {
      channel.close();
      client?.of.close();
    },
  };
}

const rangePath = '/etcdserverpb.KV/Range';
const statusPath = '/etcdserverpb.Maintenance/Status';
const txnPath = '/etcdserverpb.KV/Txn';

/** Whether a write failed because its lease has ended. */
export function isLeaseGone(error: unknown): boolean {
  return error instanceof EtcdError && error.code === grpcCodes.notFound;
}

/** What a failure says about whether the request was carried out. Asking for a lease again does no harm. */
export const sortOf: Attempts['sortOf'] = (error) => {
  if (error instanceof EtcdError) return error.sort;
  return error instanceof Error && isRecoverableError(error) ? 'unsent' : 'refused';
};

function clientOptions(hosts: string[], tls: TlsMaterial | undefined, env: Env): IOptions {
  // etcd3's own policies stop calling for seconds after a restart of etcd.
  const once = { execute: async (call: (context: object) => unknown) => call({}) };
  const faultHandling = { global: once, host: () => once } as unknown as NonNullable<IOptions['faultHandling']>;
  return {
    hosts,
    grpcOptions: channelOptionsFor(hosts),
    defaultCallOptions: (context) => (context.isStream ? {} : { deadline: env.now() + deadlineMs }),
    faultHandling,
    ...(tls && {
      credentials: {
        rootCertificate: tls.ca,
        ...(tls.cert && { certChain: tls.cert }),
        ...(tls.key && { privateKey: tls.key }),
      },
    }),
  };
}

async function translated<T>(call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    // Both of a revision that is compacted and of one that is yet to come.
    if (error instanceof EtcdError && error.code === grpcCodes.outOfRange)
      throw new CompactedError('Cannot read at this revision: etcd does not keep it', { cause: error });
    throw error;
  }
}
