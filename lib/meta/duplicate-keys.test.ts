import assert from 'node:assert/strict';
import fc from 'fast-check';
import { duplicateKeys } from './duplicate-keys.ts';

suite('duplicate keys', () => {
  const find = (text: string) => duplicateKeys(text, JSON.parse(text));

  test('duplicateKeys() tells where a key stands again', () => {
    assert.deepEqual(find('{"a":1,"b":{"a":2,"a":3},"a":4}'), ['b.a', 'a']);
    assert.deepEqual(find('{"list":[{"x":1},[0,{"x":1, "y" : [], "x"\n:2}]]}'), ['list[1][1].x']);
    assert.deepEqual(find(String.raw`{"a\"b":1,"\u0061\"b":2,"\\":3,"c":"\\\"d\":1"}`), ['a"b']);
    assert.deepEqual(find('{"__proto__":1,"__proto__":2}'), ['__proto__']);
  });

  test('duplicateKeys() finds none in what JSON.stringify() writes', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(undefined, 1), (value, space) => {
        const text = JSON.stringify(value, null, space);
        assert.deepEqual(find(text), []);
      }),
    );
  });

  test('duplicateKeys() finds a key that is given again, wherever', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue(), { minKeys: 1 }), fc.nat(), (map, at) => {
        const keys = Object.keys(map);
        const key = keys[at % keys.length]!;
        const text = JSON.stringify(map).replace(/\}$/, () => `,${JSON.stringify(key)}:null}`);
        assert.deepEqual(find(`[{"in":${text}}]`), [`[0].in.${key}`]);
      }),
    );
  });

  test('duplicateKeys() bounds what it tells', () => {
    assert.equal(find(`{${Array.from({ length: 10_000 }, () => '"a":1').join()}}`).length, 64);
  });
});
