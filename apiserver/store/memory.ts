/** The store in memory: etcd's semantics without a process, for unit tests and simulations. Nothing survives it. */
import type { Env } from '#lib/env/env.ts';
import { SortedKeys } from './sorted-keys.ts';
import { CompactedError } from './types.ts';
import type { Store, StoreBatch, StoreEvent, Stored } from './types.ts';

export interface MemoryStore extends Store {
  /** Forgets all history before `revision`. */
  compact(revision: bigint): void;
}

/** One value a key had; undefined for a deletion. */
interface Version {
  revision: bigint;
  value: Buffer | undefined;
}

/** Keys expire at the end of the minute that their time falls in, as they do with one lease per minute. */
const bucketMs = 60_000;

/** So many changes are kept; then the older half is compacted. */
const historyLimit = 100_000;

export function makeMemoryStore(env: Env): MemoryStore {
  const keys = new SortedKeys();
  const versions = new Map<string, Version[]>();
  const history: StoreEvent[] = [];
  const waiting = new Set<() => void>();
  let revision = 1n;
  let compacted = 1n;

  const at = (key: string, when: bigint): Stored | undefined => {
    const version = versions.get(key)?.findLast((candidate) => candidate.revision <= when);
    return version?.value && { key, value: version.value, revision: version.revision };
  };
  const record = (key: string, value: Buffer | undefined) => {
    revision++;
    keys.insert(key);
    const known = versions.get(key);
    if (known) known.push({ revision, value });
    else versions.set(key, [{ revision, value }]);
    history.push({ type: value ? 'PUT' : 'DELETE', key, value: value ?? Buffer.alloc(0), revision });
    if (history.length > historyLimit) compact(revision - BigInt(historyLimit / 2));
    for (const wake of waiting) wake();
    return revision;
  };
  const write = (key: string, value: Buffer | undefined, expected: bigint) => {
    const current = at(key, revision);
    if ((current?.revision ?? 0n) !== expected || (!current && !value)) return { ok: false as const, current };
    return { ok: true as const, revision: record(key, value) };
  };
  // Every change has a revision of its own, so the history is indexed by revision.
  const historyAfter = (reached: bigint) => history.slice(Number(reached - compacted));
  const expire = (key: string, written: bigint) => {
    if (at(key, revision)?.revision === written) record(key, undefined);
  };
  const compact = (before: bigint) => {
    if (before <= compacted) return;
    history.splice(0, Number(before - compacted));
    compacted = before;
    for (const [key, list] of versions) {
      list.splice(
        0,
        Math.max(
          0,
          list.findLastIndex((version) => version.revision <= compacted),
        ),
      );
      if (list.length > 1 || list[0]!.value || list[0]!.revision > compacted) continue;
      versions.delete(key);
      keys.remove(key);
    }
  };

  return {
    get: async (key) => at(key, revision),
    async list(prefix, { limit, after, revision: wanted = revision } = {}) {
      if (wanted < compacted) throw new CompactedError(`Cannot list at revision ${wanted}: compacted at ${compacted}`);
      const items: Stored[] = [];
      let remaining = 0;
      for (const key of keys.from(after ?? prefix)) {
        if (!key.startsWith(prefix)) break;
        const item = key === after ? undefined : at(key, wanted);
        if (!item) continue;
        if (limit === undefined || items.length < limit) items.push(item);
        else remaining++;
      }
      return { items, revision: wanted, more: remaining > 0, remaining };
    },
    async put(key, value, expected, ttlSeconds) {
      const outcome = write(key, value, expected);
      if (outcome.ok && ttlSeconds !== undefined) {
        const end = Math.ceil((env.now() + ttlSeconds * 1000) / bucketMs) * bucketMs;
        env.after(end - env.now(), () => expire(key, outcome.revision));
      }
      return outcome;
    },
    delete: async (key, expected) => write(key, undefined, expected),
    async *watch(prefix, after, signal) {
      if (after > revision) throw new CompactedError(`Cannot watch after revision ${after}: the latest is ${revision}`);
      for (let reached = after; ;) {
        if (reached < compacted)
          throw new CompactedError(`Cannot watch after revision ${reached}: compacted at ${compacted}`);
        if (reached === revision) await nextChange(waiting, signal);
        signal.throwIfAborted();
        const batch: StoreBatch = {
          events: historyAfter(reached).filter((event) => event.key.startsWith(prefix)),
          revision,
        };
        reached = revision;
        yield batch;
      }
    },
    revision: async () => revision,
    sizeBytes: async () => history.reduce((sum, { value }) => sum + value.length, 0),
    compact,
    close: async () => {},
  };
}

function nextChange(waiting: Set<() => void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      waiting.delete(done);
      signal.removeEventListener('abort', done);
      resolve();
    };
    waiting.add(done);
    signal.addEventListener('abort', done, { once: true });
    if (signal.aborted) done();
  });
}
