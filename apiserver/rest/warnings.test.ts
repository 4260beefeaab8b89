import assert from 'node:assert/strict';
import { warningHeaders } from './warnings.ts';

suite('warningHeaders()', () => {
  const read = (texts: string[]) =>
    warningHeaders(texts).map((header) => Buffer.from(header, 'latin1').toString().slice('299 - "'.length, -1));

  test('gives each text once, in order and quoted', () => {
    assert.deepEqual(warningHeaders(['b', 'say "a\\b"', 'b', '']), ['299 - "b"', '299 - "say \\"a\\\\b\\""']);
    assert.deepEqual(read(['Iñtërnâtiônàl ☃ 𝒳']), ['Iñtërnâtiônàl ☃ 𝒳']);
  });

  test('leaves out what no header can hold', () => {
    assert.deepEqual(read(['a\nb', 'a\u0085b', 'a\ud800', 'a\u007fb', 'c']), ['c']);
  });

  test('cuts all once they are too long together, and stops when even so they are', () => {
    const long = (letter: string) => `${letter}${'☃'.repeat(2000)}`;
    assert.deepEqual(read([long('a'), long('b'), 'c']), [long('a'), long('b'), 'c']);
    const short = (letter: string) => Array.from(long(letter)).slice(0, 256).join('');
    assert.deepEqual(read([long('a'), 'c', long('b'), long('d'), 'e']), [short('a'), 'c', short('b'), short('d'), 'e']);
    const many = Array.from({ length: 50 }, (_, i) => `${i}${'x'.repeat(300)}`);
    assert.deepEqual(
      read(many).map((text) => text.length),
      Array.from({ length: 16 }, () => 256),
    );
    const brief = Array.from({ length: 6000 }, (_, i) => String(i % 10).padStart((i / 10) % 200, 'y'));
    const told = read(brief).join('').length;
    assert.ok(told >= 4096 && told < 4096 + 256, `${told} characters`);
  });
});
