import assert from 'node:assert/strict';
import fc from 'fast-check';
import { parse } from 'yaml';
import { writeYaml } from './yaml-writer.ts';

suite('writeYaml()', () => {
  test('writes keys in order and lists without indentation', () => {
    const object = { kind: 'Pod', apiVersion: 'v1', spec: { b: ['x', { c: 1 }], a: {}, d: [] } };
    assert.equal(writeYaml(object), 'apiVersion: v1\nkind: Pod\nspec:\n  a: {}\n  b:\n  - x\n  - c: 1\n  d: []\n');
  });

  test('quotes what a reader of YAML 1.1 would not take for text', () => {
    for (const text of [
      'yes',
      'on',
      'y',
      '0123',
      '1:30',
      '1_000',
      '2026-01-01T00:00:00Z',
      '=',
      '<<',
      'null',
      '~',
      '',
    ]) {
      assert.equal(writeYaml({ a: text }), `a: ${JSON.stringify(text)}\n`);
    }
    assert.equal(writeYaml({ n: 'a' }), '"n": a\n');
    assert.equal(writeYaml({ a: ' \n' }), 'a: "\\ \\n"\n');
    assert.equal(writeYaml({ a: 'x\u0085y' }), 'a: "x\\Ny"\n');
  });

  test('does not break long lines', () => {
    const text = 'word '.repeat(100).trim();
    assert.equal(writeYaml({ a: text }), `a: ${text}\n`);
  });

  test('is read back as it was, by either version of YAML', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const object = JSON.parse(JSON.stringify({ value })) as object;
        const text = writeYaml(object);
        for (const version of ['1.1', '1.2'] as const) {
          assert.deepEqual(parse(text, { version }), object, text);
        }
      }),
      { numRuns: 500 },
    );
  });
});
