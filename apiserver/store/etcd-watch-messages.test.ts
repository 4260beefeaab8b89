import assert from 'node:assert/strict';
import fc from 'fast-check';
import { makeAssembler } from './etcd-watch-messages.ts';
import type { WatchMessage } from './etcd-watch-messages.ts';
import type { StoreEvent } from './types.ts';

suite('makeAssembler()', () => {
  test('gives every revision once and whole, however messages are cut and a stream begins anew', () => {
    // Each number is how many events share the revision; each flag, whether a fragment ends after the event.
    const sizes = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(sizes, fc.array(fc.boolean(), { minLength: 48 }), fc.nat(60), (counts, cuts, breaks) => {
        const all = counts.flatMap((size, i) => Array.from({ length: size }, (_, k) => event(i + 1, k)));
        const given: StoreEvent[] = [];
        let reached = 0n;
        // The first stream breaks after some messages, the second goes on after the last whole revision.
        for (const limit of [breaks, Infinity]) {
          const assemble = makeAssembler(reached);
          const messages = messagesOf(
            all.filter((one) => one.revision > reached),
            cuts,
          );
          for (const message of messages.slice(0, limit)) {
            const batch = assemble(message);
            if (!batch) continue;
            given.push(...batch.events);
            reached = batch.revision;
            assert.deepEqual(given.length, all.filter((one) => one.revision <= reached).length);
          }
        }
        assert.deepEqual(given, all);
      }),
    );
  });
});

function event(revision: number, index: number): StoreEvent {
  return { type: 'PUT', key: `/registry/${index}`, value: Buffer.alloc(0), revision: BigInt(revision) };
}

function messagesOf(events: StoreEvent[], cuts: boolean[]): WatchMessage[] {
  const groups: StoreEvent[][] = [[]];
  events.forEach((one, i) => {
    groups.at(-1)!.push(one);
    if (cuts[i]) groups.push([]);
  });
  const base = { revision: 99n, created: false, canceled: false, compacted: false, cancelReason: '' };
  return groups.map((group, i) => ({ ...base, events: group, fragment: i < groups.length - 1 }));
}
