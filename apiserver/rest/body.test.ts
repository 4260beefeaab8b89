import assert from 'node:assert/strict';
import { isReason } from '#lib/meta/errors.ts';
import { encodeEnvelope } from './protobuf.ts';
import { parseBody, parseObject, parsePatch } from './body.ts';

suite('bodies', () => {
  const yaml = 'application/yaml';
  const json = 'application/json';
  const says = (run: () => unknown, pattern: RegExp, reason: 'BadRequest' | 'RequestEntityTooLarge' = 'BadRequest') =>
    assert.throws(run, (error) => {
      assert.ok(isReason(error, reason), String(error));
      assert.match(error.message, pattern);
      return true;
    });

  test('parseObject() tells what it could not read, and the beginning of it', () => {
    says(
      () => parseObject(Buffer.alloc(0), json, 'Pod'),
      /^the object provided is unrecognized \(must be of type Pod\): couldn't get version\/kind; json parse error: unexpected end of JSON input \(<empty>\)$/,
    );
    says(() => parseObject(Buffer.from('{"a'), json, 'Pod'), /\(\{"a\)$/);
    says(() => parseObject(Buffer.from('a'.repeat(40)), json, 'Pod'), /\((61){30} \.\.\.\)$/);
  });

  test('parseObject() tells which fields were given twice, in JSON and in YAML', () => {
    assert.deepEqual(parseObject(Buffer.from('{"a":{"b":1,"b":2}}'), json, 'Pod').duplicates, [
      'duplicate field "a.b"',
    ]);
    const { value, duplicates } = parseObject(Buffer.from('a: 1\nb:\n  c: 1\n  c: 2\n'), yaml, 'Pod');
    assert.deepEqual(
      [value, duplicates],
      [{ a: 1, b: { c: 2 } }, ['yaml: unmarshal errors:\n  line 4: key "c" already set in map']],
    );
  });

  test('bodies that nest too deeply are refused, whatever their format', () => {
    const deep = Buffer.from('{"a":'.repeat(100_000) + '1' + '}'.repeat(100_000));
    says(() => parseBody(deep, json), /exceeded max depth/);
    says(() => parseBody(deep, yaml), /exceeded max depth/);
    says(() => parsePatch(deep, 'application/merge-patch+json'), /^error decoding patch: exceeded max depth$/);
    const lists = Buffer.from('a: ' + '['.repeat(20_000) + ']'.repeat(20_000));
    says(() => parseBody(lists, yaml), /./);
  });

  test('YAML that takes long to read is refused', () => {
    says(() => parseBody(Buffer.from(`a: [${'x,'.repeat(500_000)}x]`), yaml), /tokens/, 'RequestEntityTooLarge');
    const lines = Array.from({ length: 8 }, (_, i) => {
      const item = i === 0 ? 'x' : `*a${i - 1}`;
      return `a${i}: &a${i} [${Array.from({ length: 8 }, () => item).join()}]`;
    });
    says(() => parseBody(Buffer.from(lines.join('\n')), yaml), /alias/);
  });

  test('bodies that hold very many values are refused, whatever their format', () => {
    const many = Buffer.from(`{"a":[${`[${'1,'.repeat(9999)}1],`.repeat(10)}1]}`);
    says(() => parseBody(many, json), /limit is 100000 values$/, 'RequestEntityTooLarge');
    const lists = Buffer.from(`{"a":[${'{},'.repeat(10_000)}{}]}`);
    says(() => parseBody(lists, json), /limit is 10000 items of a list$/, 'RequestEntityTooLarge');
    says(() => parseBody(lists, yaml), /limit is 10000 items of a list$/, 'RequestEntityTooLarge');
    says(() => parsePatch(lists, 'application/merge-patch+json'), /limit is 10000/, 'RequestEntityTooLarge');
    const containers = Array.from({ length: 10_001 }, () => ({}));
    const pod = encodeEnvelope({ apiVersion: 'v1', kind: 'Pod', spec: { containers } } as never)!;
    says(() => parseBody(pod, 'application/vnd.kubernetes.protobuf'), /limit is 10000/, 'RequestEntityTooLarge');
  });

  test('YAML with many keys is read in time that grows no faster than it', () => {
    const text = Array.from({ length: 30_000 }, (_, i) => `k${i}: v`).join('\n');
    assert.equal(Object.keys(parseBody(Buffer.from(text), yaml) as object).length, 30_000);
  });

  test('what cannot be read is told as Go tells it, with the line where it stands in YAML', () => {
    const unread =
      "the object provided is unrecognized (must be of type Pod): couldn't get version/kind; json parse error: ";
    says(
      () => parseObject(Buffer.from('{"a":}'), json, 'Pod'),
      new RegExp(`^${unread.replaceAll(/[()]/g, '\\$&')}invalid character '}' looking for beginning of value`),
    );
    says(
      () => parseObject(Buffer.from('a: 1\nb: c: d\n'), yaml, 'Pod'),
      /error converting YAML to JSON: yaml: line 2: /,
    );
    says(() => parseObject(Buffer.from('? {a: b}\n: c\n'), yaml, 'Pod'), /yaml: invalid map key/);
    const merge = 'application/merge-patch+json';
    says(() => parsePatch(Buffer.from('{'), merge), /^error decoding patch: unexpected end of JSON input$/);
    const strategic = 'application/strategic-merge-patch+json';
    says(() => parsePatch(Buffer.from('{'), strategic), /^unexpected end of JSON input$/);
    const apply = 'application/apply-patch+yaml';
    says(
      () => parsePatch(Buffer.from('a: [1'), apply),
      /^error decoding YAML: error converting YAML to JSON: yaml: line 1: /,
    );
  });

  test('parsePatch() tells which fields were given twice', () => {
    const patch = Buffer.from('{"spec":{"x":1,"x":2}}');
    assert.deepEqual(parsePatch(patch, 'application/merge-patch+json').duplicates, ['duplicate field "spec.x"']);
  });

  test('halves of surrogate pairs are no text, whatever the format', () => {
    const text = Buffer.from(
      String.raw`{"kind": "ConfigMap", "apiVersion": "v1", "data": {"a\udc00": "\ud83d\ude00 \ud800"}}`,
    );
    for (const type of ['application/json', 'application/yaml']) {
      const { value, duplicates } = parseObject(text, type, 'v1.ConfigMap');
      assert.deepEqual(value, { kind: 'ConfigMap', apiVersion: 'v1', data: { 'a\ufffd': '😀 \ufffd' } });
      assert.deepEqual(duplicates, []);
    }
    const twice = parseObject(Buffer.from(String.raw`{"\ud800": 1, "\ud801": 2}`), undefined, 'Pod');
    assert.deepEqual(twice, { value: { '\ufffd': 2 }, duplicates: ['duplicate field "\ufffd"'] });
    const patch = Buffer.from(String.raw`{"data": {"a": "\ud800"}}`);
    assert.deepEqual(parsePatch(patch, 'application/merge-patch+json').value, { data: { a: '\ufffd' } });
  });

  test('JSON that is called YAML is read as either', () => {
    assert.deepEqual(parsePatch(Buffer.from(' {"a":1}'), 'application/apply-patch+yaml').value, { a: 1 });
    assert.deepEqual(parsePatch(Buffer.from('{a: 1}'), 'application/apply-patch+yaml').value, { a: 1 });
  });

  test('of YAML, the first document is read', () => {
    for (const rest of ['---\n', '---\nb: 2', '---\nb: [', '...\n', '---\n# nothing\n---\n']) {
      assert.deepEqual(parsePatch(Buffer.from(`---\na: 1\n${rest}`), 'application/apply-patch+yaml').value, { a: 1 });
    }
  });
});
