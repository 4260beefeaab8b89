import assert from 'node:assert/strict';
import { isPlainPath, parseJsonPath, valuesAt } from './json-path.ts';

const object = {
  spec: { replicas: 3, 'a.b': { c: 'x' }, list: [{ n: 1 }, { n: 2 }] },
  status: {
    conditions: [
      { type: 'Ready', status: 'True', age: 3 },
      { type: 'Other', status: 'False' },
    ],
  },
};
const at = (path: string) => valuesAt(object, parseJsonPath(path));

suite('JSON paths', () => {
  test('lead to fields, items, and items that pass a filter', () => {
    assert.deepEqual(at('.spec.replicas'), [3]);
    assert.deepEqual(at('spec.replicas'), [3]);
    assert.deepEqual(at('{.spec.replicas}'), [3]);
    assert.deepEqual(at(".spec['a.b'].c"), ['x']);
    assert.deepEqual(at('.spec.a\\.b.c'), ['x']);
    assert.deepEqual(at('.spec.list[1].n'), [2]);
    assert.deepEqual(at('.spec.list[-1].n'), [2]);
    assert.deepEqual(at('.spec.list[*].n'), [1, 2]);
    assert.deepEqual(at('.status.conditions[?(@.type=="Ready")].status'), ['True']);
    assert.deepEqual(at(".status.conditions[?(@.type=='Other')].status"), ['False']);
    assert.deepEqual(at('.status.conditions[?(@.age>2)].type'), ['Ready']);
    assert.deepEqual(at('.status.conditions[?(@.age)].type'), ['Ready']);
    assert.deepEqual(at('.spec.list[?(@.n!=1)].n'), [2]);
  });

  test('lead to nothing where nothing is', () => {
    for (const path of ['.status.nothing', '.spec.replicas.more', '.spec.list[7]', '.constructor', '.spec[*].x.y'])
      assert.deepEqual(at(path), [], path);
  });

  test('what is no path is refused, and told from what is plain', () => {
    for (const path of ['.spec[', '.spec[?(@.x==)]', '.a b', '.[?(x)]'])
      assert.throws(() => parseJsonPath(path), SyntaxError, path);
    assert.ok(isPlainPath(parseJsonPath('.spec.replicas')));
    assert.ok(!isPlainPath(parseJsonPath('.spec.list[0]')));
  });
});
