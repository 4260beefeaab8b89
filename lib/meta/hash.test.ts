import assert from 'node:assert/strict';
import { fnv32a, hashOf, safeEncode } from './hash.ts';

suite('hash', () => {
  test('fnv32a() has the known values', () => {
    assert.equal(fnv32a(''), 0x811c9dc5);
    assert.equal(fnv32a('a'), 0xe40c292c);
    assert.equal(fnv32a('foobar'), 0xbf9cf968);
  });

  test('safeEncode() maps digits as upstream does', () => {
    assert.equal(safeEncode('0123456789'), '456789bcdf');
  });

  test('hashOf() depends on values, not on the order of keys', () => {
    assert.equal(hashOf({ a: 1, b: { c: 2, d: [3] } }), hashOf({ b: { d: [3], c: 2 }, a: 1 }));
    assert.notEqual(hashOf({ a: 1 }), hashOf({ a: 2 }));
    assert.notEqual(hashOf({ a: 1 }), hashOf({ a: 1 }, 1));
    assert.match(hashOf({ a: 1 }), /^[bcdf4-9]{1,10}$/);
  });
});
