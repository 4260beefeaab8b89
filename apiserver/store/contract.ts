/** What every store does; called from the tests of each. */
import assert from 'node:assert/strict';
import type { Store, StoreBatch, StoreEvent } from './types.ts';
import { CompactedError } from './types.ts';

export interface Subject {
  store: Store;
  /** Forgets history before this revision, as an administrator would. */
  compact(revision: bigint): Promise<void>;
}

/** Defines the suite. Each test uses a prefix of its own. */
export function testStoreContract(name: string, open: () => Promise<Subject>, close: () => Promise<void>): void {
  suite(`${name} keeps the store's contract`, () => {
    let subject: Subject;
    let store: Store;
    let prefix: string;
    let count = 0;
    const abort = new AbortController();
    suiteSetup(async () => {
      subject = await open();
      store = subject.store;
    });
    suiteTeardown(async () => {
      abort.abort();
      await close();
    });
    setup(() => {
      prefix = `/registry/contract-${process.pid}-${count++}/`;
    });
    const create = async (key: string, value: string) => revisionOf(await store.put(key, Buffer.from(value), 0n));

    test('put() creates, compares and replaces', async () => {
      const key = `${prefix}a`;
      assert.equal(await store.get(key), undefined);
      const first = await create(key, 'one');
      const again = await store.put(key, Buffer.from('two'), 0n);
      assert.ok(!again.ok);
      assert.deepEqual(again.current && { ...again.current, created: undefined }, {
        ...{ key, value: Buffer.from('one'), revision: first },
        created: undefined,
      });
      const second = revisionOf(await store.put(key, Buffer.from('two'), first));
      assert.ok(second > first);
      const stored = await store.get(key);
      assert.equal(stored?.value.toString(), 'two');
      assert.equal(stored.revision, second);
      assert.equal((await store.put(key, Buffer.from('three'), first)).ok, false);
      assert.ok((await store.revision()) >= second);
    });

    test('put() refuses to replace what is absent', async () => {
      assert.deepEqual(await store.put(`${prefix}a`, Buffer.from('x'), 5n), { ok: false, current: undefined });
    });

    test('delete() compares and removes', async () => {
      const key = `${prefix}a`;
      assert.deepEqual(await store.delete(key, 0n), { ok: false, current: undefined });
      const first = await create(key, 'one');
      const second = revisionOf(await store.put(key, Buffer.from('two'), first));
      const refused = await store.delete(key, first);
      assert.ok(!refused.ok && refused.current?.revision === second);
      assert.ok(revisionOf(await store.delete(key, second)) > second);
      assert.equal(await store.get(key), undefined);
      await create(key, 'anew');
    });

    test('put() loses nothing when 50 writers count together', async () => {
      const key = `${prefix}counter`;
      await create(key, '0');
      const increment = async () => {
        for (;;) {
          const { value, revision } = (await store.get(key))!;
          if ((await store.put(key, Buffer.from(String(Number(value) + 1)), revision)).ok) return;
        }
      };
      await Promise.all(Array.from({ length: 50 }, increment));
      assert.equal((await store.get(key))?.value.toString(), '50');
    });

    test('watch() gives every change of many keys in order', async () => {
      const start = await store.revision();
      const batches = store.watch(prefix, start, abort.signal);
      const writers = Array.from({ length: 20 }, async (_, writer) => {
        const revisions: bigint[] = [];
        for (let i = 0; i < 20; i++) revisions.push(await create(`${prefix}${writer}-${i}`, `${i}`));
        const last = revisions.at(-1)!;
        revisions.push(revisionOf(await store.delete(`${prefix}${writer}-19`, last)));
        return revisions;
      });
      const events = await collect(batches, 20 * 21);
      const written = (await Promise.all(writers)).flat().toSorted((a, b) => Number(a - b));
      assert.deepEqual(
        events.map((event) => event.revision),
        written,
      );
      for (const event of events.filter(({ type }) => type === 'DELETE')) {
        assert.match(event.key, /-19$/);
        assert.equal(event.value.length, 0);
      }
    });

    test('watch() goes on after any revision of the past', async () => {
      const revisions: bigint[] = [];
      for (let i = 0; i < 10; i++) revisions.push(await create(`${prefix}${i}`, `${i}`));
      const events = await collect(store.watch(prefix, revisions[3]!, abort.signal), 6);
      assert.deepEqual(
        events.map((event) => event.revision),
        revisions.slice(4),
      );
    });

    test('watch() tells progress without events', async () => {
      const start = await store.revision();
      const elsewhere = await create(`/registry/elsewhere-${process.pid}-${count}/a`, 'x');
      for await (const batch of store.watch(prefix, start, abort.signal)) {
        assert.deepEqual(batch.events, []);
        if (batch.revision >= elsewhere) break;
      }
    });

    test('watch() ends with the reason of its signal', async () => {
      const own = new AbortController();
      const iterator = store.watch(prefix, await store.revision(), own.signal)[Symbol.asyncIterator]();
      const next = iterator.next();
      own.abort(new Error('enough'));
      await assert.rejects(Promise.resolve(next), /enough/);
    });

    test('list() and watch() say that a revision is compacted', async () => {
      const first = await create(`${prefix}a`, '1');
      let last = first;
      for (let i = 0; i < 5; i++) last = revisionOf(await store.put(`${prefix}a`, Buffer.from(`${i}`), last));
      await subject.compact(last);
      await assert.rejects(store.list(prefix, { revision: first }), CompactedError);
      await assert.rejects(collect(store.watch(prefix, first - 1n, abort.signal), 1), CompactedError);
      assert.equal((await store.list(prefix, { revision: last })).items[0]?.value.toString(), '4');
      await create(`${prefix}b`, '1');
      assert.equal((await collect(store.watch(prefix, last, abort.signal), 1))[0]?.key, `${prefix}b`);
    });

    test('watch() refuses a revision that the store has never reached', async () => {
      const never = (await store.revision()) + 1_000_000n;
      await assert.rejects(collect(store.watch(prefix, never, abort.signal), 1), CompactedError);
    });

    test('list() pages 10,000 keys at one revision while others write', async () => {
      const keys = Array.from({ length: 10_000 }, (_, i) => `${prefix}${String(i).padStart(5, '0')}`);
      for (let i = 0; i < keys.length; i += 100)
        await Promise.all(keys.slice(i, i + 100).map((key) => create(key, key)));
      const first = await store.list(prefix, { limit: 1500 });
      assert.equal(first.remaining, 8500);
      const seen = first.items.map((item) => item.key);
      for (let page = first; page.more;) {
        const doomed = (await store.get(keys[seen.length + 10]!))!;
        await store.delete(doomed.key, doomed.revision);
        await create(`${prefix}${seen.length}-new`, 'new');
        page = await store.list(prefix, { limit: 1500, after: seen.at(-1)!, revision: first.revision });
        assert.equal(page.revision, first.revision);
        seen.push(...page.items.map((item) => item.key));
        assert.equal(page.remaining, keys.length - seen.length);
      }
      assert.deepEqual(seen, keys);
      const all = await store.list(prefix);
      assert.equal(all.items.length, 10_000);
      assert.equal(all.more, false);
    });

    test('sizeBytes() tells what everything takes', async () => {
      await create(`${prefix}large`, 'x'.repeat(100_000));
      assert.ok((await store.sizeBytes()) >= 100_000);
    });

    test('list() keeps to its prefix', async () => {
      await create(`${prefix}a/1`, 'x');
      await create(`${prefix}a0`, 'x');
      await create(`${prefix}a.b/1`, 'x');
      const { items } = await store.list(`${prefix}a/`);
      assert.deepEqual(
        items.map((item) => item.key),
        [`${prefix}a/1`],
      );
    });
  });
}

/** The next `wanted` events of a watch. */
export async function collect(batches: AsyncIterable<StoreBatch>, wanted: number): Promise<StoreEvent[]> {
  const events: StoreEvent[] = [];
  for await (const batch of batches) {
    events.push(...batch.events);
    if (events.length >= wanted) break;
  }
  return events;
}

/** The revision of a write that must have succeeded. */
export function revisionOf(outcome: Awaited<ReturnType<Store['put']>>): bigint {
  assert.ok(outcome.ok, 'the write was refused');
  return outcome.revision;
}
