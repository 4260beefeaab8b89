import assert from 'node:assert/strict';
import fc from 'fast-check';
import { copy, equal } from '#lib/meta/equal.ts';
import { isReason } from '#lib/meta/errors.ts';
import { applyStrategicMerge } from './strategic-merge.ts';

const podSchema = 'io.k8s.api.core.v1.Pod';

suite('strategic merge', () => {
  const merge = (original: object, patch: object, schema = podSchema) => applyStrategicMerge(original, patch, schema);

  test('lists with a merge key merge by it, new items first, and nothing else is touched', () => {
    const original = {
      spec: {
        containers: [
          { name: 'a', image: 'one', env: [{ name: 'X', value: '1' }], command: ['run'] },
          { name: 'b', image: 'two' },
        ],
      },
    };
    const before = copy(original);
    const patch = {
      spec: { containers: [{ name: 'a', image: 'new', env: [{ name: 'Y', value: '2' }], command: ['go', 'fast'] }] },
    };
    assert.deepEqual(merge(original, patch), {
      spec: {
        containers: [
          {
            name: 'a',
            image: 'new',
            env: [
              { name: 'Y', value: '2' },
              { name: 'X', value: '1' },
            ],
            command: ['go', 'fast'],
          },
          { name: 'b', image: 'two' },
        ],
      },
    });
    assert.deepEqual(original, before);
  });

  test('null removes a field, and directives within a new value do not stay', () => {
    assert.deepEqual(
      merge({ metadata: { labels: { a: '1', b: '2' } } }, { metadata: { labels: { a: null, c: '3' } } }),
      {
        metadata: { labels: { b: '2', c: '3' } },
      },
    );
    assert.deepEqual(
      merge(
        {},
        { spec: { containers: [{ name: 'a', env: [{ name: 'X', $patch: 'delete' }] }], nodeSelector: { a: null } } },
      ),
      { spec: { containers: [{ name: 'a', env: [] }], nodeSelector: {} } },
    );
  });

  test('$patch deletes items, replaces lists and maps, and clears maps', () => {
    const original = { spec: { containers: [{ name: 'a' }, { name: 'b' }], nodeSelector: { x: '1' } } };
    assert.deepEqual(merge(original, { spec: { containers: [{ name: 'a', $patch: 'delete' }] } }), {
      spec: { containers: [{ name: 'b' }], nodeSelector: { x: '1' } },
    });
    assert.deepEqual(merge(original, { spec: { containers: [{ $patch: 'replace' }, { name: 'c' }] } }), {
      spec: { containers: [{ name: 'c' }], nodeSelector: { x: '1' } },
    });
    assert.deepEqual(merge(original, { spec: { nodeSelector: { $patch: 'replace', y: '2' } } }), {
      spec: { containers: [{ name: 'a' }, { name: 'b' }], nodeSelector: { y: '2' } },
    });
    assert.deepEqual(merge(original, { spec: { nodeSelector: { $patch: 'delete' } } }), {
      spec: { containers: [{ name: 'a' }, { name: 'b' }], nodeSelector: {} },
    });
  });

  test('$retainKeys clears the fields of a union', () => {
    const original = { spec: { strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1 } } } };
    assert.deepEqual(
      merge(
        original,
        { spec: { strategy: { $retainKeys: ['type'], type: 'Recreate' } } },
        'io.k8s.api.apps.v1.Deployment',
      ),
      { spec: { strategy: { type: 'Recreate' } } },
    );
  });

  test('$setElementOrder orders what it names and keeps the rest in place', () => {
    const original = { spec: { containers: [{ name: 'a' }, { name: 'server' }, { name: 'b' }] } };
    const patch = {
      spec: {
        '$setElementOrder/containers': [{ name: 'b' }, { name: 'new' }, { name: 'a' }],
        containers: [{ name: 'new' }],
      },
    };
    const result = merge(original, patch) as typeof original;
    const names = result.spec.containers.map(({ name }) => name);
    assert.deepEqual(
      names.filter((name) => name !== 'server'),
      ['b', 'new', 'a'],
    );
    assert.ok(names.includes('server'));
  });

  test('$deleteFromPrimitiveList removes values, and a list of scalars merges as a set', () => {
    const original = { metadata: { finalizers: ['a', 'b', 'c'] } };
    assert.deepEqual(merge(original, { metadata: { '$deleteFromPrimitiveList/finalizers': ['b'] } }), {
      metadata: { finalizers: ['a', 'c'] },
    });
    assert.deepEqual(merge(original, { metadata: { finalizers: ['c', 'd'] } }), {
      metadata: { finalizers: ['a', 'b', 'c', 'd'] },
    });
  });

  test('nonsense is BadRequest', () => {
    const list: [object, object][] = [
      [{}, { $patch: 'explode' }],
      [{ spec: { containers: [] } }, { spec: { containers: [{ image: 'no key' }] } }],
      [{ spec: { containers: [] } }, { spec: { containers: ['x'] } }],
      [{ spec: {} }, { spec: { $retainKeys: ['a'], b: 1 } }],
      [{}, { metadata: { '$deleteFromPrimitiveList/finalizers': 'x' } }],
    ];
    for (const [original, patch] of list) {
      assert.throws(
        () => merge(original, patch),
        (error) => isReason(error, 'BadRequest'),
        JSON.stringify(patch),
      );
    }
  });

  test('a patch without directives, applied twice, changes nothing the second time', () => {
    const container = fc.record(
      {
        name: fc.constantFrom('a', 'b', 'c'),
        image: fc.constantFrom('x', 'y'),
        env: fc.uniqueArray(fc.record({ name: fc.constantFrom('P', 'Q'), value: fc.string() }), {
          selector: ({ name }) => name,
        }),
        args: fc.array(fc.string(), { maxLength: 3 }),
      },
      { requiredKeys: ['name'] },
    );
    const body = fc.record({
      metadata: fc.record({
        labels: fc.dictionary(fc.constantFrom('a', 'b', '__proto__'), fc.option(fc.string())),
        finalizers: fc.uniqueArray(fc.constantFrom('f', 'g', 'h')),
      }),
      spec: fc.record({ containers: fc.uniqueArray(container, { selector: ({ name }) => name }) }),
    });
    fc.assert(
      fc.property(body, body, (original, patch) => {
        const once = merge(original, patch) as object;
        assert.ok(equal(merge(once, patch), once));
        const named = patch.spec.containers.map(({ name }) => name);
        const order = (once as typeof original).spec.containers
          .map(({ name }) => name)
          .filter((name) => named.includes(name));
        assert.deepEqual(order, named, 'what the patch names stands in its order');
      }),
    );
  });
});
