import assert from 'node:assert/strict';
import fc from 'fast-check';
import { copy, equal } from '#lib/meta/equal.ts';
import { schemaNames, schemaType } from './schema.ts';
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

  test('a patch that makes no sense is refused in the words of upstream', () => {
    const containers = { spec: { containers: [{ name: 'a' }] } };
    const list: [object, unknown, string, string][] = [
      [{}, [], 'BadRequest', 'json: cannot unmarshal array into Go value of type map[string]interface {}'],
      [{}, { $patch: 'explode' }, 'Unknown', 'unknown patch type: explode in map: map[$patch:explode]'],
      [
        containers,
        { spec: { containers: [{ image: 'x' }] } },
        'Unknown',
        'map: map[image:x] does not contain declared merge key: name',
      ],
      [
        containers,
        { spec: { containers: [{ name: 'a', $patch: 'merge' }] } },
        'Unknown',
        'merging lists cannot yet be specified in the patch',
      ],
      [
        containers,
        { spec: { containers: [['x']] } },
        'Invalid',
        'the server rejected our request due to an error in our request',
      ],
      [{ spec: {} }, { spec: { $retainKeys: ['a'], b: 1 } }, 'BadRequest', 'invalid patch format of retainKeys'],
      [{ spec: {} }, { spec: { $retainKeys: 'a' } }, 'BadRequest', 'invalid patch format of retainKeys'],
      [
        containers,
        { spec: { '$setElementOrder/containers': 'a' } },
        'Unknown',
        'expected a []interface {}, but received a string',
      ],
      [
        containers,
        { spec: { '$setElementOrder/containers': [{ name: 'b' }], containers: [{ name: 'a', image: 'x' }] } },
        'Unknown',
        "The order in patch list:\n[map[image:x name:a]]\n doesn't match $setElementOrder list:\n[map[name:b]]\n",
      ],
      [
        containers,
        { spec: { '$setElementOrder/none': ['a'] } },
        'Unknown',
        'unable to find api field in struct PodSpec for the json field "none"',
      ],
    ];
    for (const [original, patch, reason, message] of list) {
      assert.throws(() => merge(original, patch as object), { reason, message }, JSON.stringify(patch));
    }
  });

  test('any list is merged item by item, and stands in the order that the patch and the list itself ask for', () => {
    const key = fc.constantFrom<string>('a', 'b', 'c', 'd', 'e');
    const item = fc.record(
      { name: key, image: fc.constantFrom('x', 'y'), workingDir: fc.constantFrom('/', '/tmp') },
      { requiredKeys: ['name'], noNullPrototype: true },
    );
    const unique = { selector: ({ name }: { name: string }) => name };
    const cases = fc.record({
      before: fc.uniqueArray(item, unique),
      changes: fc.uniqueArray(item, unique),
      deleted: fc.uniqueArray(key),
      order: fc.option(fc.shuffledSubarray(['a', 'b', 'c', 'd', 'e'])),
      isReplaced: fc.boolean(),
    });
    fc.assert(
      fc.property(cases, ({ before, changes, deleted, order, isReplaced }) => {
        const gone = deleted.filter((name) => !changes.some((change) => change.name === name));
        // An order names all that the patch has, in the patch's own order.
        const named = order
          ? [...changes.map(({ name }) => name), ...order.filter((name) => !gone.includes(name))]
          : [];
        const wanted = order ? [...new Set(named)] : changes.map(({ name }) => name);
        const containers = [
          ...(isReplaced ? [{ $patch: 'replace' }] : []),
          ...gone.map((name) => ({ $patch: 'delete', name })),
          ...changes,
        ];
        const patch = {
          spec: {
            ...(order && { '$setElementOrder/containers': wanted.map((name) => ({ name })) }),
            containers,
          },
        };
        const merged = (merge({ spec: { containers: before } }, patch) as typeof patch).spec
          .containers as typeof before;
        // What there is: every item that was kept, and every one of the patch, field by field.
        const kept = isReplaced ? [] : before.filter(({ name }) => !gone.includes(name));
        const expected = new Map(kept.map((each) => [each.name, each]));
        for (const change of changes) expected.set(change.name, { ...expected.get(change.name), ...change });
        assert.deepEqual(new Map(merged.map((each) => [each.name, each])), expected);
        assert.equal(merged.length, expected.size);
        // Where it stands: no two items of the patch, and no two of the others, are the wrong way round.
        const names = merged.map(({ name }) => name);
        const original = before.map(({ name }) => name);
        const inPatch = (name: string) => wanted.includes(name);
        assert.deepEqual(
          names.filter(inPatch),
          wanted.filter((name) => expected.has(name)),
        );
        assert.deepEqual(
          names.filter((name) => !inPatch(name)),
          original.filter((name) => expected.has(name) && !inPatch(name)),
        );
        // An item of the list comes before one of the patch only if it did so before, or follows such a one.
        names.forEach((name, at) => {
          const next = names.slice(at + 1).find(inPatch);
          if (inPatch(name) || next === undefined || !original.includes(next)) return;
          assert.ok(original.indexOf(name) < original.indexOf(next), `${name} before ${next} in ${names.join()}`);
        });
      }),
      { numRuns: 500 },
    );
  });

  test('every list of the schema that merges does so by its key', () => {
    let count = 0;
    for (const schema of schemaNames()) {
      for (const [name, field] of Object.entries(schemaType(schema).props ?? {})) {
        // Lists of objects are no objects, whatever upstream's data says of one of them.
        if (!field.ps?.includes('merge') || field.type !== 'array' || schema.endsWith('List')) continue;
        count++;
        const { pk } = field;
        const isNumber = pk !== undefined && schemaType(field.items!.$ref!).props![pk]!.type === 'integer';
        const [one, two, three] = isNumber ? [1, 2, 3] : ['one', 'two', 'three'];
        const item = (key: unknown) => (pk === undefined ? key : { [pk]: key });
        const lists = (patch: unknown[], order?: unknown[], deleted?: unknown[]) =>
          merge(
            { [name]: [item(one), item(two)] },
            {
              ...(deleted && { [`$deleteFromPrimitiveList/${name}`]: deleted }),
              ...(order && { [`$setElementOrder/${name}`]: order }),
              ...(patch.length > 0 && { [name]: patch }),
            },
            schema,
          );
        const at = `${schema} ${name}`;
        assert.deepEqual(lists([item(two), item(three)]), { [name]: [item(one), item(two), item(three)] }, at);
        assert.deepEqual(lists([], [item(two), item(one)]), { [name]: [item(two), item(one)] }, at);
        const without =
          pk === undefined
            ? lists([], undefined, [item(one)])
            : lists([{ ...(item(one) as object), $patch: 'delete' }]);
        assert.deepEqual(without, { [name]: [item(two)] }, at);
      }
    }
    assert.ok(count > 60, `${count} lists`);
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
