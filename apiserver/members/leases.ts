/**
 * Which API servers live: each renews a key of its own in etcd, as upstream's `controlplane/reconcilers/lease.go`. Whoever reads judges by its own clock when a
 * key was renewed last, so that the servers' clocks need not agree.
 */
import type { Env } from '#lib/env/env.ts';
import type { Store } from '../store/types.ts';

export interface MemberLeases {
  /** Makes or renews the key of this server. */
  renew(): Promise<void>;
  /** The addresses of those that live, in order. */
  list(): Promise<string[]>;
  /** Removes the key of this server, if it still is its own. */
  remove(): Promise<void>;
}

/** A key that has not been renewed for this long is that of a server that has died. */
const lifetimeMs = 15_000;

/** etcd forgets the dead after this time. */
const ttlSeconds = 60;

/** Another server at the same address may be faster, but not again and again. */
const mostTries = 5;

const folder = '/masterleases/';

/** `address` is where this server is reached; two servers at one address share a key. */
export function makeMemberLeases(store: Store, address: string, env: Env): MemberLeases {
  const key = `${folder}${address}`;
  const id = env.uuid();
  let renewals = 0;
  let revision = 0n;
  /** What each key's revision was when it was last seen to change, and when that was. */
  const seen = new Map<string, { revision: bigint; atMs: number }>();

  return {
    async renew() {
      const value = Buffer.from(JSON.stringify({ address, id, renewals: ++renewals }));
      for (let tries = 0; tries < mostTries; tries++) {
        const outcome = await store.put(key, value, revision, ttlSeconds);
        revision = outcome.ok ? outcome.revision : (outcome.current?.revision ?? 0n);
        if (outcome.ok) return;
      }
      throw new Error(`Cannot renew the lease of ${address}: others write it all the time`);
    },
    async list() {
      const { items } = await store.list(folder);
      const now = env.monotonic();
      const present = new Set(items.map((item) => item.key));
      for (const known of seen.keys()) if (!present.has(known)) seen.delete(known);
      for (const item of items) {
        if (seen.get(item.key)?.revision !== item.revision) seen.set(item.key, { revision: item.revision, atMs: now });
      }
      return [...seen]
        .filter(([, { atMs }]) => now - atMs < lifetimeMs)
        .map(([known]) => known.slice(folder.length))
        .sort();
    },
    async remove() {
      const outcome = await store.delete(key, revision);
      seen.delete(key);
      if (!outcome.ok)
        env.log.info('Another API server is reached at the same address, leaving it listed', { address });
    },
  };
}
