import assert from 'node:assert/strict';
import { isWithin } from './depth.ts';

suite('isWithin()', () => {
  test('counts levels of maps and lists', () => {
    assert.ok(isWithin('text', 0));
    assert.ok(!isWithin({}, 0));
    assert.ok(isWithin({ a: [1, { b: null }] }, 3));
    assert.ok(!isWithin({ a: [1, { b: null }] }, 2));
  });

  test('stops at the bound, however deep the value goes on', () => {
    const deep: unknown = JSON.parse('['.repeat(500_000) + ']'.repeat(500_000));
    assert.ok(!isWithin(deep, 512));
  });
});
