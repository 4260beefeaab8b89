import assert from 'node:assert/strict';
import fc from 'fast-check';
import { checkIdPool, freeIds, idsPerPod, wholeIdPool } from './user-ids.ts';
import type { IdPool, UserIds } from './user-ids.ts';

type Change = { is: 'add' } | { is: 'remove'; which: number } | { is: 'crash' };

suite('ids of pods with users of their own', () => {
  const pool: IdPool = { first: 3 * idsPerPod, ranges: 4 };

  test('freeIds() never gives an id twice nor one of the node’s, whatever comes, goes and crashes between', () => {
    const changes = fc.array(
      fc.oneof(
        { weight: 3, arbitrary: fc.constant<Change>({ is: 'add' }) },
        { weight: 2, arbitrary: fc.nat().map((which): Change => ({ is: 'remove', which })) },
        fc.constant<Change>({ is: 'crash' }),
      ),
      { maxLength: 60 },
    );
    fc.assert(
      fc.property(changes, fc.integer({ min: 1, max: 6 }), (list, ranges) => {
        const small = { first: 2 * idsPerPod, ranges };
        // The records on disk, and what only memory knows.
        const held: UserIds[] = [];
        let previous: UserIds | undefined;
        for (const change of list) {
          if (change.is === 'crash') previous = undefined;
          else if (change.is === 'remove') held.splice(change.which % Math.max(held.length, 1), 1);
          else {
            const ids = freeIds(held, small, previous);
            assert.equal(ids === undefined, held.length === ranges);
            if (!ids) continue;
            held.push(ids);
            previous = ids;
          }
          const sorted = held.toSorted((a, b) => a.first - b.first);
          for (const [i, { first, count }] of sorted.entries()) {
            assert.ok(count === idsPerPod && first >= small.first && first + count <= (2 + ranges) * idsPerPod);
            assert.ok(i === 0 || sorted[i - 1]!.first + sorted[i - 1]!.count <= first);
          }
        }
      }),
    );
  });

  test('freeIds() lets ids rest before they are given again', () => {
    const given: UserIds[] = [];
    for (let i = 0; i < 5; i++) given.push(freeIds([], pool, given.at(-1))!);
    assert.deepEqual(
      given.map(({ first }) => first / idsPerPod),
      [3, 4, 5, 6, 3],
    );
  });

  test('freeIds() keeps clear of ranges that an earlier configuration gave', () => {
    const odd = { first: 3 * idsPerPod + 5, count: idsPerPod };
    assert.deepEqual(freeIds([odd], pool), { first: 5 * idsPerPod, count: idsPerPod });
    assert.deepEqual(freeIds([], pool, { first: idsPerPod, count: idsPerPod })!.first, pool.first);
    assert.equal(freeIds([{ first: 0, count: 2 ** 31 }], pool), undefined);
  });

  test('checkIdPool() takes no ids of the machine’s own, and none that programs misread', () => {
    checkIdPool(wholeIdPool);
    checkIdPool(pool);
    for (const bad of [
      { first: 0, ranges: 1 },
      { first: 100_000, ranges: 1 },
      { first: idsPerPod, ranges: 0 },
      { first: idsPerPod, ranges: 1.5 },
      { first: idsPerPod, ranges: wholeIdPool.ranges + 1 },
    ])
      assert.throws(() => checkIdPool(bad), /Cannot give pods ids from/, JSON.stringify(bad));
  });
});
