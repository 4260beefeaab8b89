import assert from 'node:assert/strict';
import fc from 'fast-check';
import { makeLimit } from './limit.ts';

/** Things that end when they are told to, and the order in which they began. */
function makeThings(most: number) {
  const limit = makeLimit(most);
  const begun: string[] = [];
  const ends: (() => void)[] = [];
  const add = (name: string, first = false) =>
    limit(() => {
      begun.push(name);
      return new Promise<void>((resolve) => ends.push(resolve));
    }, first);
  const endOne = async () => {
    ends.shift()?.();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { add, begun, ends, endOne };
}

suite('node-agent/lifecycle/limit', () => {
  test('makeLimit() lets those go first that should, and the others in order', async () => {
    const { add, begun, ends, endOne } = makeThings(1);
    const all = [add('a'), add('b'), add('c'), add('d', true), add('e', true)];
    while (ends.length > 0) await endOne();
    await Promise.all(all);
    assert.deepEqual(begun, ['a', 'd', 'e', 'b', 'c']);
  });

  test('makeLimit() lets everybody have a turn, however many go first', async () => {
    const { add, begun, endOne } = makeThings(1);
    void add('running');
    void add('patient');
    for (let i = 0; i < 100; i++) {
      void add(`first ${i}`, true);
      await endOne();
    }
    assert.ok(begun.indexOf('patient') > 0 && begun.indexOf('patient') < 20, `it was turn ${begun.indexOf('patient')}`);
  });

  test('makeLimit() runs all of it, never more than its bound at a time', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 4 }),
        fc.array(fc.boolean(), { maxLength: 40 }),
        async (most, wishes) => {
          const { add, begun, ends, endOne } = makeThings(most);
          const all = wishes.map((first, i) => add(String(i), first));
          while (ends.length > 0) {
            assert.ok(ends.length <= most);
            await endOne();
          }
          await Promise.all(all);
          assert.equal(begun.length, wishes.length);
        },
      ),
      { numRuns: 50 },
    );
  });
});
