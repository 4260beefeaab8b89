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
    assert.equal(writeYaml({ a: ' \n' }), 'a: " \\n"\n');
    assert.equal(writeYaml({ a: 'x\u0085y' }), 'a: "x\\u0085y"\n');
  });

  test('leaves other texts as they are', () => {
    for (const text of [
      'nginx:1.25',
      '10.0.0.1',
      '--flag=x',
      '/bin/sh',
      'a b',
      'k8s.io/x',
      'it is',
      'http://x',
      '5m',
    ]) {
      assert.equal(writeYaml({ a: text }), `a: ${text}\n`);
    }
    assert.equal(writeYaml({ a: 'x: y' }), 'a: "x: y"\n');
  });

  test('writes texts of several lines as they are', () => {
    assert.equal(writeYaml({ a: { b: 'x\n  y\n\nz\n' } }), 'a:\n  b: |\n    x\n      y\n\n    z\n');
    assert.equal(writeYaml({ a: ['x\ny'] }), 'a:\n- |-\n  x\n  y\n');
    assert.equal(writeYaml({ a: 'x\n\n' }), 'a: |+\n  x\n\n');
  });

  test('does not break long lines', () => {
    const text = 'word '.repeat(100).trim();
    assert.equal(writeYaml({ a: text }), `a: ${text}\n`);
  });

  test('is read back as it was, by either version of YAML', () => {
    const parts = fc.constantFrom('\n', ' ', 'a', ':', '#', '-', '\t', '"', "'", '1', '.', '\u2028', '\r', '|', '\\');
    const texts = fc.dictionary(
      fc.string(),
      fc.array(parts, { maxLength: 8 }).map((list) => list.join('')),
    );
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue(), texts), (value) => {
        const object = JSON.parse(JSON.stringify({ value })) as object;
        const text = writeYaml(object);
        for (const version of ['1.1', '1.2'] as const) {
          assert.deepEqual(parse(text, { version }), object, text);
        }
      }),
      { numRuns: 1500 },
    );
  });
});
