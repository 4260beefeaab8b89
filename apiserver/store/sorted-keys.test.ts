import assert from 'node:assert/strict';
import fc from 'fast-check';
import { SortedKeys } from './sorted-keys.ts';

const key = (number: number) => `/k/${String(number)}`;

suite('apiserver/store/sorted-keys', () => {
  test('SortedKeys keeps what is put in and not taken out, each once and in order', () => {
    const numbers = fc.array(fc.tuple(fc.boolean(), fc.nat({ max: 3000 })), { maxLength: 4000, size: 'max' });
    fc.assert(
      fc.property(numbers, fc.nat({ max: 3000 }), (changes, start) => {
        const keys = new SortedKeys();
        const model = new Set<string>();
        for (const [comes, number] of changes) {
          const is = model.has(key(number));
          if (comes) assert.equal(keys.insert(key(number)), !is);
          else assert.equal(keys.remove(key(number)), is);
          if (comes) model.add(key(number));
          else model.delete(key(number));
        }
        const wanted = [...model].sort();
        assert.deepEqual([...keys], wanted);
        assert.deepEqual(
          [...keys.from(key(start))],
          wanted.filter((each) => each >= key(start)),
        );
      }),
      { numRuns: 40 },
    );
  });

  test('SortedKeys takes keys in any order, and lets all of them go', () => {
    const count = 5000;
    const orders = {
      up: (i: number) => i,
      down: (i: number) => count - i,
      mixed: (i: number) => (i * 2671) % count,
    };
    for (const [name, order] of Object.entries(orders)) {
      const all = Array.from({ length: count }, (_, i) => key(100_000 + order(i)));
      const keys = new SortedKeys();
      for (const each of all) assert.ok(keys.insert(each), name);
      assert.deepEqual([...keys], all.toSorted(), name);
      for (const each of all) assert.ok(keys.remove(each), name);
      assert.deepEqual([...keys], [], name);
      assert.deepEqual([...keys.from('')], [], name);
    }
  });
});
