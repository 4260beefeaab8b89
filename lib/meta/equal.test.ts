import assert from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { copy, equal } from './equal.ts';

suite('equal', () => {
  test('a copy is equal to its original and shares nothing with it', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const other = copy(value);
        assert.ok(equal(value, other));
        if (typeof value === 'object' && value !== null) assert.notEqual(other, value);
      }),
    );
  });

  test('an undefined field counts as absent, null does not', () => {
    assert.ok(equal({ a: 1, b: undefined }, { a: 1 }));
    assert.ok(equal({ a: 1 }, { a: 1, b: undefined }));
    assert.ok(!equal({ a: null }, {}));
    assert.ok(!equal([1, 2], [2, 1]));
    assert.ok(!equal([], {}));
  });

  test('only own fields count', () => {
    assert.ok(!equal({}, { toString: 'x' }));
    assert.ok(!equal({ toString: 'x' }, {}));
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 2 }), fc.jsonValue({ maxDepth: 2 }), (a, b) => {
        assert.equal(equal(a, b), equal(b, a));
        assert.equal(equal(a, b), isDeepStrictEqual(a, b));
      }),
    );
  });

  test('copy() treats `__proto__` as a key', () => {
    const evil = JSON.parse('{"__proto__": {"polluted": true}}') as object;
    const other = copy(evil) as Record<string, unknown>;
    assert.equal(other['polluted'], undefined);
    assert.ok(Object.hasOwn(other, '__proto__'));
  });
});
