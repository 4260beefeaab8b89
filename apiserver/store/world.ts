/** The world: a copy of the whole store in memory, fed by one watch. See world-types.ts for what it promises. */
import type { Env } from '#lib/env/env.ts';
import { backoffMs } from '#lib/meta/backoff.ts';
import { entryOf, entryOfDeletion, forgetObject } from './entry.ts';
import { CompactedError, UnavailableError } from './types.ts';
import type { Store, StoreBatch, StoreEvent, Stored } from './types.ts';
import { makeFanOut } from './world-fan-out.ts';
import { makeHistory } from './world-history.ts';
import { makeWorldIndex } from './world-index.ts';
import type { WorldIndex } from './world-index.ts';
import { ExpiredPosition } from './world-types.ts';
import type { Entry, Unreadable, World, WorldEvent } from './world-types.ts';

export interface RunningWorld extends World {
  /** Ends the watch; subscribers get onLost. */
  close(): Promise<void>;
}

const everything = '/registry/';

/** Keys listed at a time. */
const pageSize = 1000;

/** How far back the history is sought at a start, the farthest that is not compacted. */
const pastRevisions = [2000n, 500n, 100n];

/** Own writes that are remembered until the watch brings them. */
const adoptedLimit = 1000;

const pauses = { firstMs: 50, maxMs: 2000 };

/** Lists the store, retrying until it answers or `signal` aborts, and then follows it until closed. */
export async function makeWorld(store: Store, env: Env, signal?: AbortSignal): Promise<RunningWorld> {
  const closing = new AbortController();
  const stop = signal ? AbortSignal.any([signal, closing.signal]) : closing.signal;
  const fanOut = makeFanOut(env.log);
  const waiters = new Set<{ revision: bigint; resolve: () => void }>();
  const adopted = new Map<bigint, Entry>();
  const first = await persistently(() => listPast(store, env), env, stop);
  let { index, unreadable, revision } = first;
  let history = makeHistory(revision);
  let isOfThePresent = false;

  const reach = (next: bigint) => {
    revision = next;
    for (const written of adopted.keys()) if (written <= next) adopted.delete(written);
    for (const waiter of waiters) if (waiter.revision <= next) waiter.resolve();
  };
  const takeIn = (event: StoreEvent): WorldEvent | undefined => {
    const { key, revision, fault } = event;
    const before = index.get(key) ?? unreadable.get(key)?.before;
    if (fault) {
      index.delete(key);
      unreadable.set(key, { key, revision, fault, before });
      return undefined;
    }
    if (unreadable.size > 0) unreadable.delete(key);
    if (event.type === 'DELETE') {
      if (!before) return undefined;
      index.delete(key);
      return { type: 'DELETE', entry: entryOfDeletion(before, revision), before, revision };
    }
    const own = adopted.get(revision);
    const entry = own?.key === key ? own : read(event);
    if (entry instanceof Error) {
      env.log.error('Cannot read a stored value, leaving it out', { key, revision, error: entry });
      return undefined;
    }
    index.set(entry);
    return { type: 'PUT', entry, before, revision };
  };
  const apply = (batch: StoreBatch) => {
    const events: WorldEvent[] = [];
    for (const change of batch.events) {
      const event = takeIn(change);
      if (!event) continue;
      events.push(event);
      history.add(event, env.now());
    }
    if (isOfThePresent) tellUnreadable(env, batch.events);
    reach(batch.revision);
    fanOut.deliver(events, revision);
    // The past is kept as bytes alone.
    for (const { type, entry, before } of events) {
      if (before) forgetObject(before);
      if (type === 'DELETE') forgetObject(entry);
    }
  };
  const startOver = async () => {
    const fresh = await persistently(() => listAll(store, env, index), env, stop);
    ({ index, unreadable } = fresh);
    tellUnreadable(env, [...unreadable.values()]);
    history = makeHistory(fresh.revision);
    adopted.clear();
    reach(fresh.revision);
    fanOut.lose(new ExpiredPosition(`Cannot go on watching: the history before revision ${revision} is gone`));
  };
  const follow = async () => {
    while (!stop.aborted) {
      try {
        for await (const batch of store.watch(everything, revision, stop)) apply(batch);
      } catch (error) {
        if (stop.aborted) return;
        env.log.warn('The world is listed anew', { revision, error });
        if (!(error instanceof CompactedError)) await env.sleep(pauses.maxMs, stop);
        await startOver();
      }
    }
  };
  // Nothing but the end of the process's patience stops the following; a fault here is a fault of the program.
  const following = follow().catch((error: unknown) => {
    if (stop.aborted) return;
    env.log.error('The world stands still', { error });
    throw error;
  });

  const waitFor: World['waitFor'] = (wanted, timeoutMs = 3000) => {
    if (wanted <= revision) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const settle = () => {
        waiters.delete(waiter);
        cancel();
      };
      const waiter = {
        revision: wanted,
        resolve: () => {
          settle();
          resolve();
        },
      };
      const cancel = env.after(timeoutMs, () => {
        settle();
        reject(new UnavailableError(`Cannot read as of revision ${wanted}: the watch has only brought ${revision}`));
      });
      waiters.add(waiter);
    });
  };
  const latest = makeSharedCall(() => store.revision(), env);
  const oldestOf = (prefixes: readonly string[]) =>
    prefixes.map((prefix) => history.oldestUnder(prefix)).reduce((a, b) => (a > b ? a : b), 0n);

  const world: RunningWorld = {
    get revision() {
      return revision;
    },
    oldestOf,
    get: (key) => index.get(key),
    list: (prefix) => index.list(prefix),
    count: (prefix) => index.count(prefix),
    unreadable: (place) => (unreadable.size === 0 ? undefined : firstAt(place, unreadable)),
    waitFor,
    async sync() {
      const reached = await latest();
      await waitFor(reached);
      return reached;
    },
    subscribe(prefixes, after, handlers) {
      const oldest = oldestOf(prefixes);
      if (after < oldest || after > revision) {
        throw new ExpiredPosition(`Cannot watch after revision ${after}: kept are ${oldest} to ${revision}`);
      }
      const missed = after === revision ? [] : history.after(after);
      return fanOut.add(prefixes, handlers, missed, revision);
    },
    adopt(entry) {
      const known = index.get(entry.key);
      if (known?.revision === entry.revision) return known;
      if (entry.revision > revision && adopted.size < adoptedLimit) adopted.set(entry.revision, entry);
      return entry;
    },
    async close() {
      closing.abort(new Error('the world is closed'));
      await following;
      fanOut.lose(new UnavailableError('Cannot go on watching: the server stops'));
    },
  };
  // It is of the present only once the watch has caught up.
  await persistently(() => world.sync(), env, stop);
  isOfThePresent = true;
  tellUnreadable(env, [...unreadable.values()]);
  return world;
}

interface Listed {
  index: WorldIndex;
  /** By key. */
  unreadable: Map<string, Unreadable>;
  revision: bigint;
}

async function persistently<T>(run: () => Promise<T>, env: Env, stop: AbortSignal): Promise<T> {
  for (let failures = 1; ; failures++) {
    try {
      return await run();
    } catch (error) {
      stop.throwIfAborted();
      env.log.warn('Cannot list the store, trying again', { error });
    }
    await env.sleep(backoffMs(failures, pauses, env.random()), stop);
  }
}

/**
 * Lists the store as it was some revisions ago, from where the watch catches up: so the history reaches back beyond our own start, and who
 * watched our predecessor can go on.
 */
async function listPast(store: Store, env: Env): Promise<Listed> {
  const latest = await store.revision();
  for (const distance of pastRevisions) {
    if (latest <= distance) continue;
    try {
      return await listAll(store, env, undefined, latest - distance);
    } catch (error) {
      if (!(error instanceof CompactedError)) throw error;
    }
  }
  return listAll(store, env);
}

/** Entries that are `known` at the same revision are kept, with what was parsed of them. */
async function listAll(store: Store, env: Env, known?: WorldIndex, at?: bigint): Promise<Listed> {
  const index = makeWorldIndex();
  const unreadable = new Map<string, Unreadable>();
  const strays: Stored[] = [];
  const start = { limit: pageSize, ...(at !== undefined && { revision: at }) };
  let page = await store.list(everything, start);
  for (;;) {
    for (const stored of page.items) {
      const { key, revision, fault } = stored;
      if (fault) {
        unreadable.set(key, { key, revision, fault, before: undefined });
        continue;
      }
      const before = known?.get(stored.key);
      const entry = before?.revision === stored.revision ? before : read(stored);
      if (entry instanceof Error) strays.push(stored);
      else index.set(entry);
    }
    if (!page.more) break;
    page = await store.list(everything, { ...start, after: page.items.at(-1)!.key, revision: page.revision });
  }
  if (strays.length > 0)
    env.log.error('Cannot read stored values, leaving them out', { count: strays.length, first: strays[0]!.key });
  return { index, unreadable, revision: page.revision };
}

function tellUnreadable({ log }: Env, all: readonly { key: string; fault?: Error }[]): void {
  const bad = all.filter(({ fault }) => fault);
  const [first] = bad;
  if (first) log.error('Cannot decrypt stored values', { count: bad.length, first: first.key, error: first.fault });
}

function firstAt(place: string, all: ReadonlyMap<string, Unreadable>): Unreadable | undefined {
  if (!place.endsWith('/')) return all.get(place);
  const under = [...all.values()].filter(({ key }) => key.startsWith(place));
  return under.toSorted((a, b) => (a.key < b.key ? -1 : 1))[0];
}

/** A value that is no object of ours is left out, aloud: one stray key must not stop the cluster. */
function read({ key, value, revision }: Stored): Entry | Error {
  try {
    return entryOf(key, value, revision);
  } catch (error) {
    return error as Error;
  }
}

/**
 * Shares one call among all who ask while another is under way: that one may have been answered before they asked, but the next has not been
 * sent yet. The next waits a moment for more to join it, since asking is most of what a small read costs; who asks alone waits for nobody.
 */
function makeSharedCall<T>(call: () => Promise<T>, env: Env): () => Promise<T> {
  let current: Promise<T> | undefined;
  let next: Promise<T> | undefined;
  const run = (): Promise<T> => {
    const mine = call().finally(() => {
      if (current === mine) current = undefined;
    });
    current = mine;
    return mine;
  };
  return () => {
    if (next) return next;
    if (!current) return run();
    next = current
      .catch(() => undefined)
      .then(() => env.sleep(gatherMs))
      .then(() => {
        next = undefined;
        return run();
      });
    return next;
  };
}

/** How long reads gather before they ask the store together. */
const gatherMs = 1;
