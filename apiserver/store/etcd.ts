/** The store in etcd. */
import type { Env } from '#lib/env/env.ts';
import { backoffMs } from '#lib/meta/backoff.ts';
import { isLeaseGone, makeEtcdCalls, sortOf } from './etcd-calls.ts';
import type { EtcdCalls } from './etcd-calls.ts';
import { makeLeases } from './etcd-leases.ts';
import { followEtcdTls } from './etcd-tls.ts';
import { watchEtcd } from './etcd-watch.ts';
import { writeConditionally } from './etcd-write.ts';
import type { Answer, Attempts, ConditionalWrite } from './etcd-write.ts';
import { CompactedError, UnavailableError } from './types.ts';
import type { ListPage, Store } from './types.ts';

export interface EtcdConfig {
  /** `http://host:port`, `https://host:port` or `unix:/path`, one or more of a sort. */
  endpoints: string[];
  /** With https endpoints: the CA that etcd's certificate is checked against, and our own certificate. PEM files, taken over when they change. */
  caFile?: string;
  certFile?: string;
  keyFile?: string;
}

/** Keys fetched per call when a list has no limit. */
const pageSize = 1000;

/** How long a read is tried for in all. */
const patienceMs = 10_000;

const pauses = { firstMs: 50, maxMs: 500 };

/** Connects lazily: an etcd that is not there yet shows as UnavailableError of the calls. */
export function makeEtcdStore(config: EtcdConfig, env: Env): Store {
  const followed = followEtcdTls(config, env);
  const tls = followed?.material;
  const calls = makeEtcdCalls(config.endpoints, tls, env);
  const leases = makeLeases(env, calls.grant);
  const range: EtcdCalls['range'] = (...args) => persist(() => calls.range(...args), env);
  const write = (wanted: ConditionalWrite, ttlSeconds?: number) =>
    writeConditionally(wanted, { sortOf, read, write: (attempt) => attemptWrite(attempt, ttlSeconds) }, env);
  const read: Attempts['read'] = async (key, revision) => {
    const page = await range(key, undefined, revision === undefined ? {} : { revision });
    return { current: page.items[0], revision: page.revision };
  };
  const attemptWrite = async (wanted: ConditionalWrite, ttlSeconds: number | undefined): Promise<Answer> => {
    if (ttlSeconds === undefined) return calls.write(wanted, undefined);
    const lease = await leases.leaseFor(ttlSeconds);
    try {
      return await calls.write(wanted, lease);
    } catch (error) {
      if (!isLeaseGone(error)) throw error;
      await leases.forget(lease);
      return calls.write(wanted, await leases.leaseFor(ttlSeconds));
    }
  };
  const revision = async () => (await range('/', undefined)).revision;

  return {
    get: async (key) => (await read(key)).current,
    list: (prefix, options) => list(range, prefix, options),
    put: (key, value, expected, ttlSeconds) => write({ key, value, expected }, ttlSeconds),
    async delete(key, expected) {
      if (expected === 0n) return { ok: false, current: (await read(key)).current };
      return write({ key, value: undefined, expected });
    },
    watch: (prefix, after, signal) =>
      watchEtcd(
        { endpoints: config.endpoints, tls, env, newest: calls.newest, latest: revision },
        prefix,
        after,
        signal,
      ),
    revision,
    sizeBytes: calls.sizeBytes,
    async close() {
      calls.close();
      followed?.close();
    },
  };
}

async function list(
  range: EtcdCalls['range'],
  prefix: string,
  { limit, after, revision }: { limit?: number; after?: string; revision?: bigint } = {},
): Promise<ListPage> {
  const items: ListPage['items'] = [];
  let from = after === undefined ? prefix : successorOf(after);
  for (let pinned = revision; ;) {
    const size = Math.min(pageSize, (limit ?? Infinity) - items.length);
    const page = await range(from, endOf(prefix), { limit: size, ...(pinned !== undefined && { revision: pinned }) });
    pinned = page.revision;
    items.push(...page.items);
    const remaining = page.count - page.items.length;
    if (!page.more || items.length === limit) return { items, revision: pinned, more: page.more, remaining };
    from = successorOf(items.at(-1)!.key);
  }
}

/** Repeats a read, which does no harm, until etcd answers or patience ends. */
async function persist<T>(call: () => Promise<T>, env: Env): Promise<T> {
  const giveUp = env.monotonic() + patienceMs;
  for (let failures = 1; ; failures++) {
    try {
      return await call();
    } catch (error) {
      if (error instanceof CompactedError) throw error;
      if (sortOf(error) === 'refused' || env.monotonic() > giveUp)
        throw new UnavailableError('Cannot read from the store: it does not answer', { cause: error });
    }
    await env.sleep(backoffMs(failures, pauses, env.random()));
  }
}

/** The least key after `key`. */
function successorOf(key: string): string {
  return `${key}\0`;
}

/** Where the keys with a prefix end: its last character plus one. Our prefixes end with '/', so there is always one. */
function endOf(prefix: string): string {
  return prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1);
}
