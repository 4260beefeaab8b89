import assert from 'node:assert/strict';
import fc from 'fast-check';
import { checkedFieldsOf, fieldsOf } from './extract.ts';
import { compare } from './compare.ts';
import { leaf, readFieldSet } from './field-set.ts';
import { structType } from './field-types.ts';
import { merge, removeFields, withParents } from './merge.ts';

const podSpec = structType('io.k8s.api.core.v1.PodSpec');
const service = structType('io.k8s.api.core.v1.ServiceSpec');
const meta = structType('io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta');
const revision = structType('io.k8s.api.apps.v1.ControllerRevision');

const named = (names: string) => ({ containers: names.split('').map((name) => ({ name })) });
const namesOf = (spec: object) =>
  (spec as { containers: { name: string }[] }).containers.map(({ name }) => name).join('');

suite('merge()', () => {
  test('items come in the order of the configuration, others stay behind their neighbours', () => {
    const order = (live: string, config: string) => namesOf(merge(podSpec, named(live), named(config)));
    assert.equal(order('abc', 'ca'), 'bca');
    assert.equal(order('abc', 'abc'), 'abc');
    assert.equal(order('abc', 'x'), 'abcx');
    assert.equal(order('abc', 'xb'), 'axbc');
    assert.equal(order('', 'ba'), 'ba');
    assert.equal(order('ab', ''), 'ab');
    assert.equal(order('abcd', 'dxa'), 'bcdxa');
  });

  test('of any two lists, neither’s items change places among themselves but where the configuration says so', () => {
    const letters = fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g')).map((list) => list.join(''));
    fc.assert(
      fc.property(letters, letters, (live, config) => {
        const merged = namesOf(merge(podSpec, named(live), named(config)));
        const [inConfig, others] = [new Set(config), (name: string) => !config.includes(name)];
        assert.equal(
          merged
            .split('')
            .filter((name) => inConfig.has(name))
            .join(''),
          config,
        );
        assert.equal(merged.split('').filter(others).join(''), live.split('').filter(others).join(''));
        // Once merged, merging again moves nothing.
        assert.equal(namesOf(merge(podSpec, named(merged), named(config))), merged);
      }),
    );
  });

  test('items with the same keys become one, a key left out has its default', () => {
    const live = { ports: [{ port: 80, protocol: 'TCP', nodePort: 30000 }] };
    assert.deepEqual(merge(service, live, { ports: [{ port: 80, name: 'http' }] }), {
      ports: [{ port: 80, protocol: 'TCP', nodePort: 30000, name: 'http' }],
    });
  });

  test('sets unite, atomic lists, maps and structs are replaced, other maps merge', () => {
    assert.deepEqual(merge(meta, { finalizers: ['a', 'b'] }, { finalizers: ['b', 'c'] }), {
      finalizers: ['a', 'b', 'c'],
    });
    assert.deepEqual(
      merge(
        podSpec,
        { nodeSelector: { a: '1' }, tolerations: [{ key: 'a' }] },
        { nodeSelector: { b: '1' }, tolerations: [] },
      ),
      { nodeSelector: { b: '1' }, tolerations: [] },
    );
    assert.deepEqual(merge(meta, { labels: { a: '1' } }, { labels: { b: '1' } }), { labels: { a: '1', b: '1' } });
    assert.deepEqual(merge(revision, { data: { a: { b: 1 } } }, { data: { a: { c: [1] } } }), {
      data: { a: { b: 1, c: [1] } },
    });
  });

  test('a key named __proto__ is a key like any other', () => {
    const config = JSON.parse('{"labels":{"__proto__":"x"}}') as object;
    const merged = merge(meta, { labels: { a: '1' } }, config);
    assert.equal(JSON.stringify(merged), '{"labels":{"a":"1","__proto__":"x"}}');
  });
});

suite('removeFields()', () => {
  test('takes fields, items and what becomes empty', () => {
    const spec = { containers: [{ name: 'a', image: 'x' }, { name: 'b' }], nodeSelector: { a: '1' } };
    const set = readFieldSet({
      'f:containers': { 'k:{"name":"a"}': { 'f:image': {} }, 'k:{"name":"b"}': {} },
      'f:nodeSelector': {},
    })!;
    assert.deepEqual(removeFields(podSpec, spec, set), { containers: [{ name: 'a' }] });
  });

  test('withParents() adds the structs around a field, and neither items nor map keys', () => {
    const set = readFieldSet({
      'f:containers': { 'k:{"name":"a"}': { 'f:resources': { 'f:limits': { 'f:cpu': {} } } } },
    })!;
    assert.deepEqual(withParents(podSpec, set), {
      'f:containers': {
        '.': leaf,
        'k:{"name":"a"}': { 'f:resources': { '.': leaf, 'f:limits': { '.': leaf, 'f:cpu': leaf } } },
      },
    });
  });
});

suite('fields of an object', () => {
  test('are leaves, items, map entries and what is empty, but not the structs around them', () => {
    const spec = { containers: [{ name: 'a', resources: {}, args: ['x'] }], securityContext: { runAsUser: 1 } };
    assert.deepEqual(fieldsOf(podSpec, spec), {
      'f:containers': { 'k:{"name":"a"}': { '.': leaf, 'f:args': leaf, 'f:name': leaf, 'f:resources': leaf } },
      'f:securityContext': { 'f:runAsUser': leaf },
    });
    assert.deepEqual(fieldsOf(meta, { labels: { a: '1' }, ownerReferences: [{ uid: 'u', name: 'n' }] }), {
      'f:labels': { 'f:a': leaf },
      'f:ownerReferences': { 'k:{"uid":"u"}': leaf },
    });
  });

  test('what does not fit is told with its path', () => {
    const { faults } = checkedFieldsOf(podSpec, {
      containers: [{ name: 'a', image: 1, ports: [{ containerPort: 80 }, { containerPort: 80, protocol: 'TCP' }] }, {}],
      hostname: 'x',
      unknown: 1,
    });
    assert.deepEqual(faults, [
      '.containers: element 1: associative list with keys has an element that omits key field "name" (and doesn\'t have default value)',
      '.containers[name="a"].image: expected string, got 1',
      '.containers[name="a"].ports: duplicate entries for key [containerPort=80,protocol="TCP"]',
      '.unknown: field not declared in schema',
    ]);
  });

  test('compare() takes items that are alike as one field', () => {
    const twice = { ports: [{ port: 80 }, { port: 80, name: 'a' }] };
    const { added, removed } = compare(service, { ports: [{ port: 80 }] }, twice);
    assert.deepEqual(added, { 'f:ports': { 'k:{"port":80,"protocol":"TCP"}': leaf } });
    assert.deepEqual(removed, { 'f:ports': { 'k:{"port":80,"protocol":"TCP"}': { '.': leaf, 'f:port': leaf } } });
    assert.deepEqual(compare(service, twice, twice).modified, leaf);
  });
});
