import assert from 'node:assert/strict';
import fc from 'fast-check';
import { makeFakeEnv } from '#lib/env/fake.ts';
import { entryOf } from '../store/entry.ts';
import type { WatchChange } from '../verbs/types.ts';
import { makeOutbox } from './outbox.ts';
import type { OutboxOptions } from './outbox.ts';
import type { Batch } from './watch-messages.ts';

const change = (revision: bigint, size = 0): WatchChange => {
  const value = Buffer.from(JSON.stringify({ metadata: { name: 'a' }, pad: 'x'.repeat(size) }));
  return { type: 'MODIFIED', target: 0, entry: entryOf('/registry/a', value, revision) };
};

function make(options: Partial<OutboxOptions> = {}) {
  const env = makeFakeEnv();
  const sent: Batch[] = [];
  const state = { open: true, lagging: 0 };
  const outbox = makeOutbox({
    env,
    batchMs: 0,
    send(batch) {
      sent.push(batch);
      return state.open;
    },
    onLagging: () => state.lagging++,
    ...options,
  });
  return { env, sent, state, outbox };
}

suite('makeOutbox()', () => {
  test('sends changes at once, progress a little later, and a sign of life in any case', async () => {
    const { env, sent, outbox } = make();
    outbox.add([change(5n)], 5n, false);
    assert.equal(sent.length, 1);
    outbox.add([], 6n, false);
    outbox.add([], 7n, false);
    assert.equal(sent.length, 1);
    await env.advance(10);
    assert.deepEqual(sent.slice(1), [{ changes: [], revision: 7n, synced: false }]);
    await env.advance(20_000);
    assert.deepEqual(sent.slice(2), [{ changes: [], revision: 7n, synced: false }]);
    outbox.stop();
    assert.equal(env.pending(), 0);
  });

  test('tells revisions without changes at growing distances while they keep coming', async () => {
    const { env, sent, outbox } = make();
    for (let revision = 1n; revision <= 1000n; revision++) {
      outbox.add([], revision, false);
      await env.advance(1);
    }
    assert.ok(sent.length > 5 && sent.length < 12, `${sent.length} messages in a second`);
    await env.advance(1000);
    assert.equal(sent.at(-1)?.revision, 1000n);
    const before = sent.length;
    outbox.add([], 1001n, false);
    await env.advance(10);
    assert.equal(sent.length, before + 1);
    outbox.stop();
  });

  test('gathers changes for the time asked, but not the first one', async () => {
    const { env, sent, outbox } = make({ batchMs: 100 });
    outbox.add([change(5n)], 5n, false);
    await env.advance(60);
    outbox.add([change(6n)], 6n, false);
    outbox.add([change(7n)], 7n, false);
    assert.equal(sent.length, 1);
    await env.advance(40);
    assert.deepEqual(
      sent.map((batch) => [batch.changes.length, batch.revision]),
      [
        [1, 5n],
        [2, 7n],
      ],
    );
    outbox.stop();
  });

  test('gives up a watcher that lags, whatever its initial state took', async () => {
    const bounds = { changes: 3, sizeBytes: 1e6, messageBytes: 1e6 };
    const { sent, state, outbox } = make({ bounds });
    state.open = false;
    outbox.add([], 1n, false);
    outbox.add(
      Array.from({ length: 10 }, () => change(1n)),
      1n,
      true,
    );
    outbox.add([change(2n), change(3n)], 3n, false);
    assert.equal(state.lagging, 0);
    for (let i = 4n; i < 20n; i++) outbox.add([change(i)], i, false);
    assert.equal(state.lagging, 1);
    outbox.resume();
    assert.equal(sent.filter((batch) => !batch.synced).length, 0);
  });

  test('sends everything once, in order, and never claims more than it has sent', () => {
    const step = fc.oneof(
      {
        weight: 3,
        arbitrary: fc.record({ do: fc.constant('add' as const), sizes: fc.array(fc.nat(400), { maxLength: 5 }) }),
      },
      fc.record({ do: fc.constantFrom('block' as const, 'resume' as const) }),
    );
    fc.assert(
      fc.property(fc.array(fc.nat(400), { maxLength: 6 }), fc.array(step), (initial, steps) => {
        const { sent, state, outbox } = make({ bounds: { changes: 1e4, sizeBytes: 1e9, messageBytes: 500 } });
        const all: WatchChange[] = initial.map((size, i) => change(BigInt(i + 1), size));
        let revision = 10n;
        outbox.add(all, revision, true);
        for (const action of steps) {
          if (action.do === 'add') {
            // Two neighbours may share a revision, as deletions by one expiry do.
            const more = action.sizes.map((size, i) => change((revision += i === 0 ? 1n : BigInt(i % 2)), size));
            all.push(...more);
            outbox.add(more, more.length > 0 ? revision : ++revision, false);
          } else {
            state.open = action.do === 'resume';
            if (state.open) outbox.resume();
          }
        }
        state.open = true;
        while (sent.flatMap((batch) => batch.changes).length < all.length) outbox.resume();
        assert.deepEqual(
          sent.flatMap((batch) => batch.changes),
          all,
        );
        assert.equal(sent.filter((batch) => batch.synced).length, 1);
        const synced = sent.findIndex((batch) => batch.synced);
        assert.equal(sent.slice(0, synced + 1).flatMap((batch) => batch.changes).length, initial.length);
        sent.forEach((batch, i) => {
          const later = sent.slice(i + 1).flatMap((next) => next.changes);
          if (i >= synced) assert.ok(later.every(({ entry }) => entry.revision > batch.revision));
          if (i > 0) assert.ok(batch.revision >= sent[i - 1]!.revision);
        });
        outbox.stop();
      }),
    );
  });
});
