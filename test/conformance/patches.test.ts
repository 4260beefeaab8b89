/** The four kinds of patches over HTTP: what they change, and how those that cannot be applied are refused. Words and codes are upstream's. */
import assert from 'node:assert/strict';
import type { Answer, TestApi } from '../harness/api.ts';
import { makeSpace } from './server.ts';
import type { Space } from './server.ts';

const types = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
};

suite('patches', () => {
  let space: Space;
  let api: TestApi;
  suiteSetup(async () => {
    space = await makeSpace('patches');
    ({ api } = space);
  });

  const maps = (rest = '') => `${space.path}/configmaps${rest}`;
  const deployments = (rest = '') => `/apis/apps/v1/namespaces/patches/deployments${rest}`;
  const patch = (path: string, body: unknown, type: keyof typeof types = 'merge') =>
    space.patch(path, body, types[type]);
  const told = ({ code, body }: Answer) => [code, body.reason, body.message];

  const makeDeployment = (name: string, more: object = {}) =>
    api.ask('POST', deployments(), {
      body: {
        metadata: { name },
        spec: {
          selector: { matchLabels: { app: 'a' } },
          template: {
            metadata: { labels: { app: 'a' } },
            spec: { containers: [{ name: 'c', image: 'i', ports: [{ containerPort: 80 }] }], ...more },
          },
        },
      },
    });

  suite('JSON patch', () => {
    const rejected = [422, 'Invalid', 'the server rejected our request due to an error in our request'];

    test('does its operations in turn, all or none', async () => {
      await space.configMap('steps', { labels: { a: '1' } });
      const { code, body } = await patch(
        maps('/steps'),
        [
          { op: 'test', path: '/metadata/labels/a', value: '1' },
          { op: 'add', path: '/data', value: { x: '1' } },
          { op: 'copy', from: '/data/x', path: '/data/y' },
          { op: 'move', from: '/data/x', path: '/data/z' },
          { op: 'replace', path: '/metadata/labels/a', value: '2' },
          { op: 'replace', path: '/metadata/labels/new~1key', value: '3' },
          { op: 'remove', path: '/data/y' },
        ],
        'json',
      );
      assert.deepEqual([code, body.data, body.metadata.labels], [200, { z: '1' }, { a: '2', 'new/key': '3' }]);
      const refused = await patch(
        maps('/steps'),
        [
          { op: 'add', path: '/data/more', value: '1' },
          { op: 'test', path: '/metadata/labels/a', value: '1' },
        ],
        'json',
      );
      assert.deepEqual(told(refused), rejected);
      assert.deepEqual(refused.body.details, {});
      assert.deepEqual((await api.ask('GET', maps('/steps'))).body, body);
    });

    test('what does not apply, and what is no patch', async () => {
      await space.configMap('wrong');
      for (const operations of [
        [{ op: 'remove', path: '/data' }],
        [{ op: 'add', path: '/data/x', value: '1' }],
        [{ op: 'dance', path: '/data' }],
        [{ op: 'add', value: '1' }],
        [null],
      ]) {
        assert.deepEqual(told(await patch(maps('/wrong'), operations, 'json')), rejected, JSON.stringify(operations));
      }
      assert.deepEqual(told(await patch(maps('/wrong'), {}, 'json')), [
        400,
        'BadRequest',
        'error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp',
      ]);
      const many = Array.from({ length: 10_001 }, () => ({ op: 'test', path: '' }));
      assert.deepEqual(told(await patch(maps('/wrong'), many, 'json')), [
        413,
        'RequestEntityTooLarge',
        'Request entity too large: The allowed maximum operations in a JSON patch is 10000, got 10001',
      ]);
      assert.equal((await patch(maps('/none'), [], 'json')).code, 404);
    });

    test('an object may not become another', async () => {
      await space.configMap('same');
      const kind = await patch(maps('/same'), [{ op: 'replace', path: '/kind', value: 'Secrets' }], 'json');
      assert.equal(kind.code, 422);
      assert.match(kind.body.message, /: no kind "Secrets" is registered for version "v1" in scheme/);
      assert.deepEqual(told(await patch(maps('/same'), { metadata: { name: 'other' } })), [
        400,
        'BadRequest',
        'the name of the object (other) does not match the name on the URL (same)',
      ]);
      assert.deepEqual(told(await patch(maps('/same'), { metadata: { namespace: 'default' } })), [
        400,
        'BadRequest',
        'the namespace of the provided object does not match the namespace sent on the request',
      ]);
      assert.deepEqual(told(await patch(maps('/same'), { metadata: { uid: 'x' } })), [
        422,
        'Invalid',
        'ConfigMap "same" is invalid: metadata.uid: Invalid value: "x": field is immutable',
      ]);
    });
  });

  suite('merge patch', () => {
    test('merges maps, replaces lists, takes away by null', async () => {
      await space.configMap('merged', { labels: { a: '1', b: '2' }, finalizers: ['example.com/a'] });
      const { body } = await patch(maps('/merged'), {
        metadata: { labels: { a: null, c: '3' }, finalizers: ['example.com/b'] },
        data: { x: '1', y: null },
      });
      assert.deepEqual(body.metadata.labels, { b: '2', c: '3' });
      assert.deepEqual(body.metadata.finalizers, ['example.com/b']);
      assert.deepEqual(body.data, { x: '1' });
      await patch(maps('/merged'), { metadata: { finalizers: null } });
      assert.deepEqual(told(await patch(maps('/merged'), [])), [
        400,
        'BadRequest',
        'error decoding patch: json: cannot unmarshal array into Go value of type map[string]interface {}',
      ]);
      assert.deepEqual(told(await patch(maps('/merged'), 'null')), [400, 'BadRequest', 'Invalid JSON Patch']);
    });
  });

  suite('strategic merge patch', () => {
    test('lists merge by their keys, directives say the rest', async () => {
      await makeDeployment('strategic', { tolerations: [{ key: 'a', operator: 'Exists' }] });
      const spec = (change: object) =>
        patch(deployments('/strategic'), { spec: { template: { spec: change } } }, 'strategic').then(
          ({ code, body }) => {
            assert.equal(code, 200, body.message);
            return body.spec.template.spec;
          },
        );
      const names = ({ containers }: { containers: { name: string }[] }) => containers.map(({ name }) => name);
      const added = await spec({ containers: [{ name: 'side', image: 's' }] });
      assert.deepEqual(names(added), ['side', 'c']);
      const ordered = await spec({
        '$setElementOrder/containers': [{ name: 'c' }, { name: 'side' }],
        containers: [{ name: 'c', env: [{ name: 'A', value: '1' }] }],
      });
      assert.deepEqual(names(ordered), ['c', 'side']);
      assert.deepEqual(ordered.containers[0].ports, [{ containerPort: 80, protocol: 'TCP' }]);
      const cut = await spec({
        containers: [
          { name: 'side', $patch: 'delete' },
          {
            name: 'c',
            env: [
              { name: 'A', $patch: 'delete' },
              { name: 'B', value: '2' },
            ],
          },
        ],
      });
      assert.deepEqual(names(cut), ['c']);
      assert.deepEqual(cut.containers[0].env, [{ name: 'B', value: '2' }]);
      // Lists without a key are replaced.
      const tolerations = [{ key: 'b', operator: 'Exists' }];
      assert.deepEqual((await spec({ tolerations })).tolerations, tolerations);
      const replaced = await spec({ containers: [{ $patch: 'replace' }, { name: 'd', image: 'j' }] });
      assert.deepEqual(names(replaced), ['d']);
      assert.equal((await spec({ nodeSelector: { a: 'b' } })).nodeSelector.a, 'b');
      assert.deepEqual((await spec({ nodeSelector: { $patch: 'replace', c: 'd' } })).nodeSelector, { c: 'd' });
      assert.deepEqual((await spec({ nodeSelector: { $patch: 'delete' } })).nodeSelector ?? {}, {});
    });

    test('a union keeps what $retainKeys names', async () => {
      await makeDeployment('union');
      const { body, code } = await patch(
        deployments('/union'),
        { spec: { strategy: { $retainKeys: ['type'], type: 'Recreate' } } },
        'strategic',
      );
      assert.deepEqual([code, body.spec.strategy], [200, { type: 'Recreate' }]);
    });

    test('lists of scalars are sets where the schema says so', async () => {
      await space.configMap('set', { finalizers: ['example.com/a', 'example.com/b'] });
      const added = await patch(maps('/set'), { metadata: { finalizers: ['example.com/c'] } }, 'strategic');
      assert.deepEqual(added.body.metadata.finalizers, ['example.com/c', 'example.com/a', 'example.com/b']);
      const cut = await patch(
        maps('/set'),
        { metadata: { '$deleteFromPrimitiveList/finalizers': ['example.com/b'] } },
        'strategic',
      );
      assert.deepEqual(cut.body.metadata.finalizers, ['example.com/c', 'example.com/a']);
      await patch(maps('/set'), { metadata: { finalizers: null } });
    });

    test('refusals carry the text of the merge, and mostly no reason', async () => {
      await makeDeployment('refusing');
      const refused = async (containers: unknown) =>
        told(await patch(deployments('/refusing'), { spec: { template: { spec: { containers } } } }, 'strategic'));
      assert.deepEqual(await refused([{ image: 'x' }]), [
        500,
        undefined,
        'map: map[image:x] does not contain declared merge key: name',
      ]);
      assert.deepEqual(await refused([{ name: 'c', $patch: 'dance' }]), [
        500,
        undefined,
        'unknown patch type: dance in map: map[$patch:dance name:c]',
      ]);
      assert.deepEqual(told(await patch(deployments('/refusing'), [], 'strategic')), [
        400,
        'BadRequest',
        'json: cannot unmarshal array into Go value of type map[string]interface {}',
      ]);
    });
  });

  suite('field validation', () => {
    const fault = (shown: string, because: string) => [
      422,
      'Invalid',
      ` "" is invalid: patch: Invalid value: ${JSON.stringify(shown)}: ${because}`,
    ];

    test('what does not fit a type', async () => {
      await makeDeployment('typed');
      const change = { spec: { replicas: 'many' } };
      assert.deepEqual(
        told(await patch(deployments('/typed'), change, 'strategic')),
        fault('map[spec:map[replicas:many]]', 'unrecognized type: int32'),
      );
      const merged = await patch(deployments('/typed'), change);
      assert.equal(merged.code, 422);
      assert.match(
        merged.body.message,
        /^ "" is invalid: patch: Invalid value: "\{.*\}": json: cannot unmarshal string into Go struct field DeploymentSpec\.spec\.replicas of type int32$/,
      );
      assert.deepEqual(Object.keys(merged.body.details), ['causes']);
      assert.equal(merged.body.details.causes[0].field, 'patch');
    });

    test('what is unknown or said twice is refused, told, or let be', async () => {
      await space.configMap('strict');
      const ask = (body: string, type: keyof typeof types, query: string) => patch(maps(`/strict${query}`), body, type);
      const merge = '{"data":{"a":"1","a":"2"},"more":1}';
      const strict = await ask(merge, 'merge', '?fieldValidation=Strict');
      assert.equal(strict.code, 422);
      assert.match(strict.body.message, /": strict decoding error: duplicate field "data\.a", unknown field "more"$/);
      const strategic = await ask(merge, 'strategic', '?fieldValidation=Strict');
      assert.deepEqual(
        told(strategic),
        fault('map[data:map[a:2] more:1]', 'strict decoding error: duplicate field "data.a", unknown field "more"'),
      );
      const json = '[{"op":"test","path":"/data","path":"/data","why":1}]';
      const operations = await ask(json, 'json', '?fieldValidation=Strict');
      assert.match(
        operations.body.message,
        /": strict decoding error: json patch duplicate field "\[0\]\.path", json patch unknown field "\[0\]\.why"$/,
      );
      const warned = await ask(merge, 'merge', '');
      assert.equal(warned.code, 200);
      assert.equal(warned.headers['warning'], '299 - "duplicate field \\"data.a\\"", 299 - "unknown field \\"more\\""');
      const silent = await ask(merge, 'merge', '?fieldValidation=Ignore');
      assert.deepEqual([silent.code, silent.headers['warning']], [200, undefined]);
    });

    test('an applied configuration says its lines', async () => {
      const path = (query: string) => maps(`/applied?fieldManager=m${query}`);
      const config = 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: applied\ndata:\n  a: "1"\n  a: "2"\n';
      assert.deepEqual(told(await patch(path('&fieldValidation=Strict'), config, 'apply')), [
        400,
        'BadRequest',
        'error strict decoding YAML: error converting YAML to JSON: yaml: unmarshal errors:\n  line 7: key "a" already set in map',
      ]);
      const warned = await patch(path(''), config, 'apply');
      assert.deepEqual([warned.code, warned.body.data], [201, { a: '2' }]);
      assert.equal(warned.headers['warning'], '299 - "line 7: key \\"a\\" already set in map"');
    });
  });
});
