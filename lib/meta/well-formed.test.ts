import assert from 'node:assert/strict';
import { wellFormed } from './well-formed.ts';

suite('wellFormed()', () => {
  const read = (text: string) => wellFormed(JSON.parse(text) as unknown, text);

  test('puts U+FFFD where half a pair stands alone, in strings and in keys', () => {
    assert.deepEqual(read(String.raw`{"a\ud800": ["\uDC00x", {"b": "\ud800\ud83d\ude00\ud801"}]}`), {
      'a\ufffd': ['\ufffdx', { b: '\ufffd😀\ufffd' }],
    });
    assert.equal(read(String.raw`"\udfff"`), '\ufffd');
  });

  test('leaves everything else as it is', () => {
    for (const text of [
      String.raw`{"a": "\ud83d\ude00", "n": 1, "x": null}`,
      String.raw`"\\ud800"`,
      '{"a": "\\ue000"}',
    ])
      assert.deepEqual(read(text), JSON.parse(text));
    const odd = read(String.raw`{"__proto__": "\ud800"}`) as object;
    assert.deepEqual(Object.entries(odd), [['__proto__', '\ufffd']]);
  });
});
