import assert from 'node:assert/strict';
import { bulkOf } from './bulk.ts';

suite('bulkOf()', () => {
  test('counts every value, and the items of the longest list', () => {
    assert.deepEqual(bulkOf(null), { values: 1, items: 0 });
    assert.deepEqual(bulkOf({ a: 1, b: [1, 2, 3] }), { values: 6, items: 3 });
    assert.deepEqual(bulkOf({ a: [{}, {}], b: { c: [{ d: [] }] } }), { values: 8, items: 2 });
  });
});
