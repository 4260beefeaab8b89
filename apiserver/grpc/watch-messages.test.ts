import assert from 'node:assert/strict';
import fc from 'fast-check';
import { WatchEventType, clusterService } from '#protos/gen/cluster.ts';
import { entryOf } from '../store/entry.ts';
import type { WatchChange } from '../verbs/types.ts';
import { encodeBatch, makeBatchEncoder } from './watch-messages.ts';

const change = (type: WatchChange['type'], target: number, text: string): WatchChange => {
  const value = Buffer.from(JSON.stringify({ metadata: { name: 'a' }, text }));
  return { type, target, entry: entryOf('/registry/a', value, 7n) };
};

suite('encodeBatch()', () => {
  test('writes what the generated codec reads', () => {
    const type = fc.constantFrom<WatchChange['type']>('ADDED', 'MODIFIED', 'DELETED');
    const anyChange = fc.tuple(type, fc.nat(300), fc.string({ maxLength: 300 })).map((fields) => change(...fields));
    fc.assert(
      fc.property(
        fc.array(anyChange),
        fc.bigInt({ min: 0n, max: 2n ** 63n }),
        fc.boolean(),
        (changes, revision, synced) => {
          const read = clusterService.watch.responseDeserialize(encodeBatch({ changes, revision, synced }));
          const events = changes.map(({ type, target, entry }) => ({
            type: type === 'DELETED' ? WatchEventType.DELETE : WatchEventType.PUT,
            target,
            object: entry.bytes,
          }));
          assert.equal(read.revision, String(revision));
          assert.equal(read.synced, synced);
          assert.deepEqual(
            read.events.map((event) => ({ ...event, object: Buffer.from(event.object) })),
            events.map((event) => ({ ...event, object: Buffer.from(event.object) })),
          );
        },
      ),
    );
  });
});

suite('makeBatchEncoder()', () => {
  test('gives the same message for the same batch, and for no other', () => {
    const encode = makeBatchEncoder();
    const one = change('ADDED', 0, 'x');
    const first = encode({ changes: [one], revision: 7n, synced: false });
    assert.equal(encode({ changes: [{ ...one, type: 'MODIFIED' }], revision: 7n, synced: false }), first);
    for (const other of [
      { changes: [one], revision: 8n, synced: false },
      { changes: [one], revision: 7n, synced: true },
      { changes: [{ ...one, target: 1 }], revision: 7n, synced: false },
      { changes: [{ ...one, type: 'DELETED' as const }], revision: 7n, synced: false },
      { changes: [one, one], revision: 7n, synced: false },
    ])
      assert.notEqual(encode(other), first);
  });
});
