/** etcd's unary calls: one attempt each with a deadline, answers in our words, failures sorted. Repeating is for others to decide. */
import { isIP } from 'node:net';
import { Etcd3, EtcdLeaseInvalidError, isRecoverableError } from 'etcd3';
import type { IKeyValue, IOptions, ITxnResponse } from 'etcd3';
import type { ChannelOptions } from '@grpc/grpc-js';
import type { Env } from '#lib/env/env.ts';
import type { Answer, Attempts, ConditionalWrite, Kept } from './etcd-write.ts';
import { CompactedError } from './types.ts';

/** How long one attempt may take. */
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

export interface TlsMaterial {
  ca: Buffer;
  cert?: Buffer;
  key?: Buffer;
}

export interface Page {
  items: Kept[];
  more: boolean;
  /** Keys in the range, whatever the limit. */
  count: number;
  revision: bigint;
}

export interface EtcdCalls {
  range(from: string, to: string | undefined, options?: { limit?: number; revision?: bigint }): Promise<Page>;
  write(write: ConditionalWrite, lease: string | undefined): Promise<Answer>;
  grant(ttlSeconds: number): Promise<string>;
  /** The newest revision that any answer carried. */
  newest(): bigint;
  close(): void;
}

/** `to` is where the range ends; undefined for the one key `from`. */
export function makeEtcdCalls(endpoints: string[], tls: TlsMaterial | undefined, env: Env): EtcdCalls {
  const client = new Etcd3(clientOptions(endpoints, tls, env));
  let newest = 0n;
  const note = (header: { revision: string }): bigint => {
    const revision = BigInt(header.revision);
    if (revision > newest) newest = revision;
    return revision;
  };
  return {
    async range(from, to, { limit = 0, revision } = {}) {
      const answer = await translated(
        client.kv.range({
          key: Buffer.from(from),
          ...(to !== undefined && { range_end: Buffer.from(to) }),
          limit,
          ...(revision !== undefined && { revision: String(revision) }),
        }),
      );
      const reached = note(answer.header);
      return {
        items: answer.kvs.map(keptOf),
        more: answer.more,
        count: Number(answer.count),
        revision: revision ?? reached,
      };
    },
    async write(write, lease) {
      const answer = await translated(client.kv.txn(transactionOf(write, lease)));
      return { done: answer.succeeded, current: currentOf(answer), revision: note(answer.header) };
    },
    async grant(ttlSeconds) {
      return (await translated(client.leaseClient.leaseGrant({ TTL: ttlSeconds }))).ID;
    },
    newest: () => newest,
    close: () => client.close(),
  };
}

/** Whether a write failed because its lease has ended. */
export function isLeaseGone(error: unknown): boolean {
  return error instanceof EtcdLeaseInvalidError;
}

/** What a failure says about whether the request was carried out. */
export const sortOf: Attempts['sortOf'] = (error) => {
  if (!(error instanceof Error) || !isRecoverableError(error)) return 'refused';
  // grpc-js gives these to calls that it never put on a connection.
  if (/No connection established|Channel closed before call started|Name resolution failed/.test(error.message))
    return 'unsent';
  // etcd is full, or asks to slow down: it says so before it proposes anything.
  return error.constructor.name === 'GRPCResourceExhastedError' ? 'refused' : 'unknown';
};

function clientOptions(hosts: string[], tls: TlsMaterial | undefined, env: Env): IOptions {
  // etcd3's own policies repeat transactions that may have happened, and stop calling for seconds after a restart of etcd.
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
    if (error instanceof Error && /required revision (has been compacted|is a future revision)/.test(error.message)) {
      throw new CompactedError('Cannot read at this revision: etcd does not keep it', { cause: error });
    }
    throw error;
  }
}

function transactionOf({ key, value, expected }: ConditionalWrite, lease: string | undefined) {
  const bytes = Buffer.from(key);
  return {
    compare: [{ key: bytes, target: 'Mod' as const, result: 'Equal' as const, mod_revision: String(expected) }],
    success: [
      value
        ? { request_put: { key: bytes, value, ...(lease !== undefined && { lease }) } }
        : { request_delete_range: { key: bytes } },
    ],
    failure: [{ request_range: { key: bytes } }],
  };
}

function currentOf(answer: ITxnResponse): Kept | undefined {
  const found = answer.succeeded ? undefined : answer.responses[0]?.response_range?.kvs[0];
  return found && keptOf(found);
}

function keptOf(kv: IKeyValue): Kept {
  return {
    key: kv.key.toString(),
    value: kv.value,
    revision: BigInt(kv.mod_revision),
    created: BigInt(kv.create_revision),
  };
}
