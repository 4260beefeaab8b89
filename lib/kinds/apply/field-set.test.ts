import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  difference,
  intersection,
  isEmpty,
  leaf,
  nodeOf,
  pathsOf,
  readFieldSet,
  recursiveDifference,
  union,
} from './field-set.ts';
import type { FieldSet } from './field-set.ts';

/** The reference: a set of paths, each the JSON of its elements. */
type Model = Set<string>;

const element = fc.constantFrom(
  'f:a',
  'f:b',
  'f:__proto__',
  'k:{"name":"x"}',
  'k:{"name":"y"}',
  'k:{"port":80,"protocol":"TCP"}',
  'k:{"port":443,"protocol":"TCP"}',
  'v:"one"',
  'v:2',
  'v:10',
);
const model: fc.Arbitrary<Model> = fc
  .array(fc.array(element, { minLength: 1, maxLength: 4 }), { maxLength: 8 })
  .map((paths) => new Set(paths.map((path) => JSON.stringify(path))));

function setOf(paths: Model): FieldSet {
  const build = (prefix: string[]): FieldSet | undefined => {
    const next = new Set(
      [...paths]
        .map((path) => JSON.parse(path) as string[])
        .filter((path) => startsWith(path, prefix) && path.length > prefix.length)
        .map((path) => path[prefix.length]!),
    );
    const children = Object.fromEntries([...next].map((item) => [item, build([...prefix, item])!]));
    return nodeOf(children, prefix.length > 0 && paths.has(JSON.stringify(prefix)));
  };
  return build([]) ?? leaf;
}

function modelOf(set: FieldSet, prefix: string[] = []): Model {
  const own = prefix.length > 0 && (isEmpty(set) || '.' in set) ? [JSON.stringify(prefix)] : [];
  const below = Object.entries(set).flatMap(([key, node]) => (key === '.' ? [] : [...modelOf(node, [...prefix, key])]));
  return new Set([...own, ...below]);
}

const startsWith = (path: readonly string[], prefix: readonly string[]) => prefix.every((item, i) => path[i] === item);

suite('FieldSet', () => {
  test('operations agree with those of plain sets of paths', () => {
    fc.assert(
      fc.property(model, model, (a, b) => {
        const [x, y] = [setOf(a), setOf(b)];
        assert.deepEqual(modelOf(x), a);
        const same = (set: FieldSet, expected: Iterable<string>) =>
          assert.deepEqual([...modelOf(set)].sort(), [...expected].sort());
        same(union(x, y), a.union(b));
        same(difference(x, y), a.difference(b));
        same(intersection(x, y), a.intersection(b));
        const parse = (path: string) => JSON.parse(path) as string[];
        same(
          recursiveDifference(x, y),
          [...a].filter((path) => ![...b].some((other) => startsWith(parse(path), parse(other)))),
        );
        assert.deepEqual(modelOf(x), a, 'an operation has changed its argument');
      }),
    );
  });

  test('however a set came about, its JSON is the same', () => {
    fc.assert(
      fc.property(model, model, (a, b) => {
        const text = JSON.stringify(setOf(a.union(b)));
        assert.equal(JSON.stringify(union(setOf(a), setOf(b))), text);
        assert.equal(JSON.stringify(union(setOf(b), setOf(a))), text);
        assert.equal(JSON.stringify(readFieldSet(JSON.parse(text))), text);
      }),
    );
  });

  test('operations that change nothing answer their argument', () => {
    fc.assert(
      fc.property(model, model, (a, b) => {
        const set = setOf(a);
        assert.equal(union(set, setOf(a.intersection(b))), set);
        assert.equal(difference(set, setOf(b.difference(a))), set);
      }),
    );
  });

  test('elements are sorted fields first, then keys, then values, numbers by size', () => {
    const json = {
      'v:10': {},
      'v:2': {},
      'k:{"port":443}': {},
      'k:{"port":80}': {},
      'f:b': { 'f:x': {}, '.': {} },
      'f:a': {},
    };
    assert.equal(
      JSON.stringify(readFieldSet(json)),
      '{"f:a":{},"f:b":{".":{},"f:x":{}},"k:{\\"port\\":80}":{},"k:{\\"port\\":443}":{},"v:2":{},"v:10":{}}',
    );
  });

  test('readFieldSet() puts the keys of an item in order and refuses nonsense', () => {
    assert.deepEqual(readFieldSet({ 'k:{"b":1,"a":2}': {} }), { 'k:{"a":2,"b":1}': {} });
    assert.deepEqual(readFieldSet({ 'x:later': {}, 'f:a': {} }), { 'f:a': {} });
    for (const json of [
      1,
      null,
      [],
      { a: {} },
      { 'f:a': 1 },
      { 'k:x': {} },
      { 'k:[1]': {} },
      { 'v:{': {} },
      { 'i:x': {} },
    ]) {
      assert.equal(readFieldSet(json), undefined, JSON.stringify(json));
    }
  });

  test('pathsOf() writes paths as upstream does', () => {
    const set = readFieldSet({
      'f:spec': {
        'f:replicas': {},
        'f:ports': { 'k:{"port":80,"protocol":"TCP"}': { '.': {}, 'f:name': {} } },
        'f:finalizers': { 'v:"a/b"': {} },
      },
    })!;
    assert.deepEqual(pathsOf(set), [
      '.spec.replicas',
      '.spec.finalizers[="a/b"]',
      '.spec.ports[port=80,protocol="TCP"]',
      '.spec.ports[port=80,protocol="TCP"].name',
    ]);
  });
});
