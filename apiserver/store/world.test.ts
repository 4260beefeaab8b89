import assert from 'node:assert/strict';
import fc from 'fast-check';
import { makeFakeEnv } from '#lib/env/fake.ts';
import type { FakeEnv } from '#lib/env/fake.ts';
import type { Resource } from '#lib/meta/object.ts';
import { encodeForStore, entryOf } from './entry.ts';
import { makeMemoryStore } from './memory.ts';
import type { MemoryStore } from './memory.ts';
import { UnavailableError } from './types.ts';
import { makeHistory } from './world-history.ts';
import { ExpiredPosition } from './world-types.ts';
import type { World, WorldEvent } from './world-types.ts';
import { makeWorld } from './world.ts';
import type { RunningWorld } from './world.ts';

suite('makeWorld()', () => {
  let env: FakeEnv;
  let store: MemoryStore;
  let world: RunningWorld;
  setup(async () => {
    env = makeFakeEnv();
    store = makeMemoryStore(env);
    await write(store, '/registry/pods/a/one');
    world = await makeWorld(store, env);
  });
  teardown(() => world.close());

  test('list() gives a folder in key order and nothing else', async () => {
    const keys = ['pods/a-b/x', 'pods/a/two', 'pods/a.b/x', 'apps/deployments/a/x', 'podsecurity/x', 'namespaces/a'];
    for (const key of keys) await write(store, `/registry/${key}`);
    await world.sync();
    const pods = [...world.list('/registry/pods/')].map((entry) => entry.key.slice(15));
    assert.deepEqual(pods, ['a-b/x', 'a.b/x', 'a/one', 'a/two']);
    assert.deepEqual([...world.list('/registry/pods/a/')].length, 2);
    assert.equal(world.count('/registry/pods/'), 4);
    assert.equal(world.count('/registry/'), 7);
    assert.deepEqual([...world.list('/registry/nothing/')], []);
    const all = await store.list('/registry/');
    assert.deepEqual(
      [...world.list('/registry/')].map((entry) => entry.key),
      all.items.map((item) => item.key),
    );
  });

  test('subscribe() narrows to prefixes and tells progress', async () => {
    const seen: [string[], bigint][] = [];
    const record = {
      onEvents: (events: readonly WorldEvent[], r: bigint) => seen.push([keysOf(events), r]),
      onLost() {},
    };
    const subscription = world.subscribe(['/registry/pods/', '/registry/pods/a/'], world.revision, record);
    const first = await write(store, '/registry/pods/a/two');
    const second = await write(store, '/registry/nodes/n');
    await world.waitFor(second);
    assert.deepEqual(
      seen.flatMap(([keys]) => keys),
      ['/registry/pods/a/two'],
    );
    assert.equal(seen.at(-1)?.[1], second);
    subscription.close();
    await write(store, '/registry/pods/a/three');
    await world.sync();
    assert.equal(seen.at(-1)?.[1], second);
    const missed: string[] = [];
    const onEvents = (events: readonly WorldEvent[]) => missed.push(...keysOf(events));
    world.subscribe(['/registry/pods/'], first, { onEvents, onLost() {} });
    assert.deepEqual(missed, ['/registry/pods/a/three']);
  });

  test('an event carries the object before and after; a deletion has its own revision', async () => {
    const events: WorldEvent[] = [];
    world.subscribe(['/registry/pods/'], world.revision, { onEvents: (more) => events.push(...more), onLost() {} });
    const before = world.get('/registry/pods/a/one')!;
    const revision = await remove(store, before.key);
    await world.sync();
    assert.equal(events[0]?.type, 'DELETE');
    assert.equal(events[0].before, before);
    assert.equal(events[0].entry.object.metadata.resourceVersion, String(revision));
    assert.equal(world.get(before.key), undefined);
  });

  test('subscribe() refuses positions that are not kept, or not reached', () => {
    const handlers = { onEvents() {}, onLost() {} };
    assert.throws(
      () => world.subscribe(['/registry/'], world.oldestOf(['/registry/']) - 1n, handlers),
      ExpiredPosition,
    );
    assert.throws(() => world.subscribe(['/registry/'], world.revision + 1n, handlers), ExpiredPosition);
  });

  test('adopt() saves the second parse of an own write', async () => {
    const object = objectOf('/registry/pods/a/two');
    const value = encodeForStore(object);
    const outcome = await store.put('/registry/pods/a/two', value, 0n);
    assert.ok(outcome.ok);
    const entry = world.adopt(entryOf('/registry/pods/a/two', value, outcome.revision, object));
    await world.waitFor(outcome.revision);
    assert.equal(world.get('/registry/pods/a/two'), entry);
    const late = entryOf('/registry/pods/a/two', value, outcome.revision, object);
    assert.equal(world.adopt(late), entry);
  });

  test('a fault of one subscriber does not concern the others', async () => {
    let lost: Error | undefined;
    const bad = {
      onEvents() {
        throw new Error('bug');
      },
      onLost: (error: Error) => (lost = error),
    };
    const seen: string[] = [];
    world.subscribe(['/registry/'], world.revision, bad);
    world.subscribe(['/registry/'], world.revision, { onEvents: (more) => seen.push(...keysOf(more)), onLost() {} });
    await write(store, '/registry/pods/a/two');
    await world.sync();
    assert.deepEqual(seen, ['/registry/pods/a/two']);
    assert.equal(lost?.message, 'bug');
  });

  test('waitFor() gives up in time, and sync() shares calls', async () => {
    const waiting = assert.rejects(world.waitFor(world.revision + 5n, 100), UnavailableError);
    await env.advance(100);
    await waiting;
    let calls = 0;
    const revision = store.revision.bind(store);
    store.revision = () => {
      calls++;
      return revision();
    };
    const syncs = Promise.all(Array.from({ length: 50 }, () => world.sync()));
    await env.advance(1);
    await syncs;
    assert.equal(calls, 2);
  });

  test('a new world knows the recent past, for those who watched its predecessor', async () => {
    for (let i = 0; i < 150; i++) await write(store, '/registry/pods/a/busy');
    const reached = await store.revision();
    await remove(store, '/registry/pods/a/one');
    await world.close();
    world = await makeWorld(store, env);
    assert.equal(world.revision, await store.revision());
    const missed: WorldEvent[] = [];
    world.subscribe(['/registry/'], reached, { onEvents: (events) => missed.push(...events), onLost() {} });
    assert.deepEqual(
      missed.map(({ type, before }) => [type, before?.key]),
      [['DELETE', '/registry/pods/a/one']],
    );
    store.compact(await store.revision());
    await world.close();
    world = await makeWorld(store, env);
    assert.equal(world.oldestOf(['/registry/']), await store.revision());
  });

  test('a stray value is left out', async () => {
    await store.put('/registry/stray', Buffer.from('hello'), 0n);
    const revision = await write(store, '/registry/pods/a/two');
    await world.waitFor(revision);
    assert.equal(world.get('/registry/stray'), undefined);
  });

  test('list and subscribe together equal the history of the store, whatever happens in between', async () => {
    const key = fc
      .constantFrom('pods/a/1', 'pods/a/2', 'pods/b/1', 'nodes/n', 'apps/sets/a/1')
      .map((k) => `/registry/${k}`);
    const prefix = fc.constantFrom('/registry/', '/registry/pods/', '/registry/pods/a/', '/registry/apps/sets/');
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.record({ do: fc.constantFrom('write' as const, 'remove' as const), key }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant('subscribe' as const), prefix }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant('pause' as const) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('outage' as const) }) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60, size: 'max' }), async (steps) => {
        const fake = makeFakeEnv();
        const memory = makeMemoryStore(fake);
        const broken = breakable(memory);
        const running = await makeWorld(broken.store, fake);
        const mirrors: ReturnType<typeof mirror>[] = [];
        for (const action of steps) {
          if (action.do === 'write') await write(memory, action.key);
          if (action.do === 'remove') await remove(memory, action.key);
          if (action.do === 'subscribe') mirrors.push(mirror(running, action.prefix));
          if (action.do === 'pause') await fake.advance(0);
          if (action.do === 'outage') {
            // What comes next is compacted before the world can see it.
            broken.cut();
            await write(memory, '/registry/pods/a/1');
            await write(memory, '/registry/pods/b/1');
            memory.compact(await memory.revision());
            await fake.advance(5000);
          }
        }
        await running.sync();
        for (const one of mirrors) {
          const { items } = await memory.list(one.prefix);
          assert.deepEqual(
            one.state(),
            items.map((item) => `${item.key}@${item.revision}`),
          );
        }
        await running.close();
      }),
      { numRuns: 60 },
    );
  });
});

suite('makeHistory()', () => {
  const event = (revision: bigint, key = '/registry/a'): WorldEvent => {
    const entry = entryOf(key, Buffer.from('{"metadata":{}}'), revision);
    return { type: 'PUT', entry, before: undefined, revision };
  };

  test('keeps within its bounds and knows from where on it is complete', () => {
    const history = makeHistory(5n, { events: 3, sizeBytes: 1e6, ageMs: 1000 });
    for (let i = 6n; i < 10n; i++) history.add(event(i), 0);
    assert.equal(history.oldest, 6n);
    assert.deepEqual(
      history.after(6n).map((one) => one.revision),
      [7n, 8n, 9n],
    );
    assert.deepEqual(
      history.after(8n).map((one) => one.revision),
      [9n],
    );
    history.add(event(10n), 1001);
    assert.equal(history.oldest, 9n);
    const small = makeHistory(0n, { events: 100, sizeBytes: 100, ageMs: 1000 });
    for (let i = 1n; i < 50n; i++) small.add(event(i), 0);
    assert.ok(small.oldest > 40n);
  });

  test('does not forget what is rarely written for what is written often', () => {
    const history = makeHistory(4n, { events: 3, sizeBytes: 1e6, ageMs: 1000 });
    history.add(event(5n, '/registry/pods/a/one'), 0);
    for (let i = 6n; i < 50n; i++) history.add(event(i, '/registry/leases/a/busy'), 0);
    const oldest = ['/registry/pods/', '/registry/pods/a/', '/registry/leases/', '/registry/secrets/', '/registry/'];
    assert.deepEqual(
      oldest.map((prefix) => history.oldestUnder(prefix)),
      [5n, 5n, 46n, 4n, 46n],
    );
  });

  test('is complete after a revision of several events only once all of them are dropped', () => {
    const history = makeHistory(0n, { events: 2, sizeBytes: 1e6, ageMs: 1000 });
    for (const revision of [1n, 1n, 1n, 2n]) history.add(event(revision), 0);
    assert.equal(history.oldest, 1n);
    assert.deepEqual(
      history.after(1n).map((one) => one.revision),
      [2n],
    );
  });
});

/** A subscriber that keeps a copy, and lists again when it has lost its place. */
function mirror(world: World, prefix: string) {
  const state = new Map<string, bigint>();
  let reached = 0n;
  const start = () => {
    state.clear();
    for (const entry of world.list(prefix)) state.set(entry.key, entry.revision);
    reached = world.revision;
    world.subscribe([prefix], reached, { onEvents, onLost: start });
  };
  const onEvents = (events: readonly WorldEvent[], revision: bigint) => {
    for (const event of events) {
      assert.ok(event.revision > reached && event.revision <= revision, 'out of order');
      assert.equal(event.before?.revision, state.get(event.entry.key));
      if (event.type === 'PUT') state.set(event.entry.key, event.revision);
      else state.delete(event.entry.key);
    }
    reached = revision;
  };
  start();
  return { prefix, state: () => [...state].map(([key, revision]) => `${key}@${revision}`).toSorted() };
}

/** A store whose watch can be cut so that it misses what follows. */
function breakable(memory: MemoryStore) {
  let cutter = new AbortController();
  const store = {
    ...memory,
    async *watch(prefix: string, after: bigint, signal: AbortSignal) {
      cutter = new AbortController();
      try {
        yield* memory.watch(prefix, after, AbortSignal.any([signal, cutter.signal]));
      } catch (error) {
        signal.throwIfAborted();
        throw error;
      }
    },
  };
  return { store, cut: () => cutter.abort(new Error('cut')) };
}

function objectOf(key: string): Resource {
  const metadata = { name: key, uid: key, resourceVersion: '', creationTimestamp: '' };
  return { apiVersion: 'v1', kind: 'Thing', metadata };
}

async function write(store: MemoryStore, key: string): Promise<bigint> {
  const current = await store.get(key);
  const outcome = await store.put(key, encodeForStore(objectOf(key)), current?.revision ?? 0n);
  assert.ok(outcome.ok);
  return outcome.revision;
}

async function remove(store: MemoryStore, key: string): Promise<bigint> {
  const current = await store.get(key);
  const outcome = await store.delete(key, current?.revision ?? 0n);
  return outcome.ok ? outcome.revision : 0n;
}

function keysOf(events: readonly WorldEvent[]): string[] {
  return events.map((event) => event.entry.key);
}
