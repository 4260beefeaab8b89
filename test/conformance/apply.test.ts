/** Server-side apply over HTTP: who owns what, who may change it, and how that is told. Words and codes are upstream's. */
import assert from 'node:assert/strict';
import type { Answer, TestApi } from '../harness/api.ts';
import { makeSpace } from './server.ts';
import type { Space } from './server.ts';

const applyType = 'application/apply-patch+yaml';

interface Entry {
  manager: string;
  operation: string;
  apiVersion: string;
  subresource?: string;
  time?: string;
  fieldsV1: Record<string, Record<string, object>>;
}

suite('apply', () => {
  let space: Space;
  let api: TestApi;
  suiteSetup(async () => {
    space = await makeSpace('applies');
    ({ api } = space);
  });

  const maps = (rest = '') => `${space.path}/configmaps${rest}`;
  const deployments = (rest = '') => `/apis/apps/v1/namespaces/applies/deployments${rest}`;
  const scalers = (version: string, rest = '') =>
    `/apis/autoscaling/${version}/namespaces/applies/horizontalpodautoscalers${rest}`;
  const apply = (path: string, config: unknown, manager: string, query = '') =>
    space.patch(`${path}?fieldManager=${manager}${query}`, config, applyType);
  const map = (name: string, data?: object, metadata: object = {}) => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, ...metadata },
    ...(data && { data }),
  });
  const deployment = (name: string, containers: object[], spec: object = {}) => ({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name },
    spec: {
      selector: { matchLabels: { app: 'a' } },
      template: { metadata: { labels: { app: 'a' } }, spec: { containers } },
      ...spec,
    },
  });
  const told = ({ code, body }: Answer) => [code, body.reason, body.message];
  const ok = ({ code, body }: Answer) => {
    assert.ok(code < 300, body.message);
    return body;
  };
  const entriesOf = ({ metadata }: { metadata: { managedFields?: Entry[] } }) => metadata.managedFields ?? [];
  const owners = (object: { metadata: { managedFields?: Entry[] } }) =>
    entriesOf(object)
      .map(({ manager, operation, subresource = '' }) => [manager, operation, subresource].filter(Boolean).join(' '))
      .sort();
  const fieldsOf = (object: { metadata: { managedFields?: Entry[] } }, manager: string) =>
    entriesOf(object).find((entry) => entry.manager === manager)?.fieldsV1;

  test('creates what is not there, once', async () => {
    const first = await apply(maps('/made'), map('made', { a: '1' }), 'one');
    assert.equal(first.code, 201);
    assert.deepEqual(owners(first.body), ['one Apply']);
    assert.deepEqual(fieldsOf(first.body, 'one'), { 'f:data': { 'f:a': {} } });
    const second = await apply(maps('/made'), map('made', { a: '1' }), 'one');
    assert.equal(second.code, 200);
    assert.deepEqual(second.body, first.body, 'the same again writes nothing, and bumps nothing');
  });

  test('needs a manager, an object of the kind, and its name', async () => {
    assert.deepEqual(told(await space.patch(maps('/x'), map('x'), applyType)), [
      422,
      'Invalid',
      'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch',
    ]);
    assert.deepEqual(told(await space.patch(maps('/made?force=true'), {})), [
      422,
      'Invalid',
      'PatchOptions.meta.k8s.io "" is invalid: force: Forbidden: may not be specified for non-apply patch',
    ]);
    const one = (config: unknown) => apply(maps('/x'), config, 'one').then(told);
    assert.deepEqual(await one({ ...map('x'), kind: 'Secret' }), [
      400,
      'BadRequest',
      'invalid object type: /v1, Kind=Secret',
    ]);
    assert.deepEqual(await one({ metadata: { name: 'x' } }), [400, 'BadRequest', 'invalid object type: /, Kind=']);
    assert.deepEqual(await one(map('y')), [
      400,
      'BadRequest',
      'the name of the object (y) does not match the name on the URL (x)',
    ]);
    assert.deepEqual(await one(map('x', undefined, { managedFields: [] })), [
      400,
      'BadRequest',
      'metadata.managedFields must be nil',
    ]);
    assert.deepEqual(await one(map('x', undefined, { uid: 'u' })), [
      409,
      'Conflict',
      'Operation cannot be fulfilled on configmaps "x": uid mismatch: the provided object specified uid u, and no existing object was found',
    ]);
    assert.equal((await apply(maps('/made'), map('made', { a: '1' }, { uid: 'u' }), 'one')).code, 422);
    const old = map('made', { a: '1' }, { resourceVersion: '1' });
    assert.deepEqual(told(await apply(maps('/made'), old, 'one')), [
      409,
      'Conflict',
      'Operation cannot be fulfilled on configmaps "made": the object has been modified; please apply your changes to the latest version and try again',
    ]);
  });

  test('does not know fields that the schema does not', async () => {
    const answer = await apply(maps('/odd'), { ...map('odd'), more: 1 }, 'one');
    assert.deepEqual(told(answer), [
      500,
      undefined,
      'failed to create typed patch object (/odd; /v1, Kind=ConfigMap): .more: field not declared in schema',
    ]);
  });

  test('conflicts are told one by one, and force wins them', async () => {
    ok(await apply(deployments('/c'), deployment('c', [{ name: 'c', image: 'i' }], { replicas: 1 }), 'one'));
    ok(
      await space.patch(deployments('/c?fieldManager=two'), {
        metadata: { labels: { a: 'b' } },
        spec: { minReadySeconds: 5 },
      }),
    );
    const config = {
      ...deployment('c', [{ name: 'c', image: 'j' }], { replicas: 2, minReadySeconds: 6 }),
      metadata: { name: 'c', labels: { a: 'c' } },
    };
    const refused = await apply(deployments('/c'), config, 'three');
    assert.deepEqual(told(refused), [
      409,
      'Conflict',
      [
        'Apply failed with 4 conflicts: conflicts with "one":',
        '- .spec.replicas',
        '- .spec.template.spec.containers[name="c"].image',
        'conflicts with "two" using apps/v1:',
        '- .metadata.labels.a',
        '- .spec.minReadySeconds',
      ].join('\n'),
    ]);
    assert.deepEqual(refused.body.details, {
      causes: [
        { reason: 'FieldManagerConflict', message: 'conflict with "one"', field: '.spec.replicas' },
        {
          reason: 'FieldManagerConflict',
          message: 'conflict with "one"',
          field: '.spec.template.spec.containers[name="c"].image',
        },
        { reason: 'FieldManagerConflict', message: 'conflict with "two" using apps/v1', field: '.metadata.labels.a' },
        {
          reason: 'FieldManagerConflict',
          message: 'conflict with "two" using apps/v1',
          field: '.spec.minReadySeconds',
        },
      ],
    });
    const forced = ok(await apply(deployments('/c'), config, 'three', '&force=true'));
    assert.equal(forced.spec.replicas, 2);
    assert.deepEqual(fieldsOf(forced, 'two'), { 'f:metadata': { 'f:labels': {} } }, 'that there are labels at all');
    assert.equal(JSON.stringify(fieldsOf(forced, 'one')).includes('f:replicas'), false);
  });

  test('what holds nothing is owned by whoever applies it, though nobody is shown it', async () => {
    const config = (more: object) => {
      const bare = deployment('nothing', [{ name: 'c', image: 'i', env: [{ name: 'E', value: '' }] }], {
        paused: false,
      });
      Object.assign(bare.spec.template.spec, { nodeSelector: {}, tolerations: [] }, more);
      return bare;
    };
    const first = ok(await apply(deployments('/nothing'), config({ hostNetwork: false }), 'one'));
    const { nodeSelector, tolerations, hostNetwork, containers } = first.spec.template.spec;
    assert.deepEqual(
      [first.spec.paused, nodeSelector, tolerations, hostNetwork, containers[0].env],
      [undefined, undefined, undefined, undefined, [{ name: 'E' }]],
    );
    const { 'f:spec': owned } = fieldsOf(first, 'one') as { 'f:spec': Record<string, unknown> };
    assert.deepEqual(owned['f:paused'], {});
    const again = ok(await apply(deployments('/nothing'), config({ hostNetwork: false }), 'one'));
    assert.equal(again.metadata.resourceVersion, first.metadata.resourceVersion, 'it says the same');
    const refused = await apply(deployments('/nothing'), config({ hostNetwork: true }), 'two');
    assert.deepEqual(told(refused).slice(0, 2), [409, 'Conflict']);
    const inTemplate = '.spec.template.spec';
    assert.deepEqual(
      refused.body.details.causes.map(({ field }: { field: string }) => field),
      [
        '.spec.paused',
        `${inTemplate}.hostNetwork`,
        `${inTemplate}.nodeSelector`,
        `${inTemplate}.tolerations`,
        `${inTemplate}.containers[name="c"].env[name="E"].value`,
      ],
      'what is not there to be compared seems new, even if both say the same',
    );
    const forced = ok(await apply(deployments('/nothing'), config({ hostNetwork: true }), 'two', '&force=true'));
    assert.deepEqual([forced.spec.template.spec.hostNetwork, forced.metadata.generation], [true, 2]);
  });

  test('what two say alike is owned by both, and goes with the last of them', async () => {
    ok(await apply(maps('/both'), map('both', { a: '1', b: '1' }), 'one'));
    ok(await apply(maps('/both'), map('both', { a: '1' }), 'two'));
    const left = ok(await apply(maps('/both'), map('both', { b: '1' }), 'one'));
    assert.deepEqual(left.data, { a: '1', b: '1' });
    const gone = ok(await apply(maps('/both'), map('both'), 'two'));
    assert.deepEqual(gone.data, { b: '1' });
    assert.deepEqual(owners(gone), ['one Apply']);
    const nothing = ok(await apply(maps('/both'), map('both'), 'one'));
    assert.equal(nothing.data, undefined);
    assert.deepEqual(owners(nothing), []);
  });

  test('what an update changes is given up by whoever applied it', async () => {
    ok(await apply(maps('/edited'), map('edited', { a: '1' }), 'one'));
    const edited = ok(await space.patch(maps('/edited?fieldManager=two'), { data: { a: '2' } }));
    assert.deepEqual(owners(edited), ['two Update']);
    assert.deepEqual(told(await apply(maps('/edited'), map('edited', { a: '1' }), 'one')), [
      409,
      'Conflict',
      'Apply failed with 1 conflict: conflict with "two" using v1: .data.a',
    ]);
    const agreed = ok(await apply(maps('/edited'), map('edited', { a: '2' }), 'one'));
    assert.deepEqual(owners(agreed), ['one Apply', 'two Update']);
  });

  test('lists of maps merge by their keys, those that have defaults too', async () => {
    const services = `${space.path}/services`;
    const service = (name: string, ports: object[]) => ({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name },
      spec: { ports },
    });
    ok(await apply(`${services}/s`, service('s', [{ name: 'dns', port: 53, protocol: 'UDP' }]), 'one'));
    const both = ok(await apply(`${services}/s`, service('s', [{ name: 'dns-tcp', port: 53 }]), 'two'));
    assert.deepEqual(
      both.spec.ports.map(({ name, protocol }: Record<string, string>) => [name, protocol]),
      [
        ['dns', 'UDP'],
        ['dns-tcp', 'TCP'],
      ],
    );
    assert.deepEqual(fieldsOf(both, 'two'), {
      'f:spec': { 'f:ports': { 'k:{"port":53,"protocol":"TCP"}': { '.': {}, 'f:name': {}, 'f:port': {} } } },
    });
    const twice = await apply(`${services}/s`, service('s', [{ port: 53 }, { port: 53, protocol: 'TCP' }]), 'two');
    assert.equal(twice.code, 500);
    assert.match(twice.body.message, /\.spec\.ports: duplicate entries for key \[port=53,protocol="TCP"\]$/);
    const unnamed = await apply(`${services}/s`, service('s', [{ protocol: 'TCP' }]), 'two');
    assert.match(
      unnamed.body.message,
      /\.spec\.ports: element 0: associative list with keys has an element that omits key field "port" \(and doesn't have default value\)/,
    );
  });

  test('items come and go with their owners, and stand where the configuration has them', async () => {
    const names = ({ spec }: { spec: { template: { spec: { containers: { name: string }[] } } } }) =>
      spec.template.spec.containers.map(({ name }) => name);
    const image = 'i';
    ok(
      await apply(
        deployments('/l'),
        deployment('l', [
          { name: 'a', image },
          { name: 'b', image },
        ]),
        'one',
      ),
    );
    const more = ok(await apply(deployments('/l'), deployment('l', [{ name: 'side', image }]), 'two'));
    assert.deepEqual(names(more), ['a', 'b', 'side']);
    // Another order alone is no change.
    const turned = ok(
      await apply(
        deployments('/l'),
        deployment('l', [
          { name: 'b', image },
          { name: 'a', image },
        ]),
        'one',
      ),
    );
    assert.deepEqual(names(turned), ['a', 'b', 'side']);
    assert.equal(turned.metadata.resourceVersion, more.metadata.resourceVersion);
    const fewer = ok(await apply(deployments('/l'), deployment('l', [{ name: 'b', image }]), 'one'));
    assert.deepEqual(names(fewer), ['b', 'side']);
    // Lists within items have owners of their own.
    const env = ok(
      await apply(deployments('/l'), deployment('l', [{ name: 'b', env: [{ name: 'X', value: '1' }] }]), 'two'),
    );
    assert.deepEqual(names(env), ['b']);
    const [b] = env.spec.template.spec.containers;
    assert.deepEqual([b.image, b.env], ['i', [{ name: 'X', value: '1' }]]);
  });

  test('items that an object has twice are one to those who apply to it', async () => {
    const env = (...pairs: string[]) => pairs.map((pair) => ({ name: pair[0], value: pair[1] }));
    const withEnv = (...pairs: string[]) => deployment('twice', [{ name: 'c', env: env(...pairs) }]);
    const made = deployment('twice', [{ name: 'c', image: 'i', env: env('A1', 'A2', 'C1') }]);
    ok(await api.ask('POST', deployments('?fieldManager=one'), { body: made }));
    const envOf = ({ spec }: { spec: { template: { spec: { containers: { env: object[] }[] } } } }) =>
      spec.template.spec.containers[0]!.env;
    const more = ok(await apply(deployments('/twice'), withEnv('B1'), 'two'));
    assert.deepEqual(envOf(more), env('A1', 'A2', 'C1', 'B1'));
    assert.deepEqual(told(await apply(deployments('/twice'), withEnv('B1', 'A3'), 'two')), [
      409,
      'Conflict',
      'Apply failed with 1 conflict: conflict with "one" using apps/v1: .spec.template.spec.containers[name="c"].env[name="A"]',
    ]);
    const single = ok(await apply(deployments('/twice'), withEnv('B1', 'A3'), 'two', '&force=true'));
    assert.deepEqual(new Set(envOf(single)), new Set(env('A3', 'C1', 'B1')));
  });

  test('sets unite; what is atomic is one field', async () => {
    const withFinalizers = (...finalizers: string[]) => map('sets', undefined, { finalizers });
    ok(await apply(maps('/sets'), withFinalizers('example.com/a', 'example.com/b'), 'one'));
    const both = ok(await apply(maps('/sets'), withFinalizers('example.com/b', 'example.com/c'), 'two'));
    assert.deepEqual(both.metadata.finalizers, ['example.com/a', 'example.com/b', 'example.com/c']);
    assert.deepEqual(fieldsOf(both, 'two'), {
      'f:metadata': { 'f:finalizers': { 'v:"example.com/b"': {}, 'v:"example.com/c"': {} } },
    });
    const left = ok(await apply(maps('/sets'), withFinalizers(), 'one'));
    assert.deepEqual(left.metadata.finalizers, ['example.com/b', 'example.com/c']);
    await space.patch(maps('/sets'), { metadata: { finalizers: null } });

    const selecting = (labels: object) => ({ ...deployment('atomic', [{ name: 'c', image: 'i' }]), ...labels });
    ok(await apply(deployments('/atomic'), selecting({}), 'one'));
    const other = deployment('atomic', [], { selector: { matchLabels: { other: 'b' } } });
    const refused = await apply(deployments('/atomic'), other, 'two');
    assert.equal(refused.body.message, 'Apply failed with 1 conflict: conflict with "one": .spec.selector');
  });

  test('JSON without a schema has fields as it comes', async () => {
    const path = '/apis/apps/v1/namespaces/applies/controllerrevisions/r';
    const revision = (data: unknown) => ({
      apiVersion: 'apps/v1',
      kind: 'ControllerRevision',
      metadata: { name: 'r' },
      revision: 1,
      data,
    });
    const made = ok(await apply(path, revision({ spec: { list: [1, 2], map: { a: 1 } } }), 'one'));
    assert.deepEqual(made.data, { spec: { list: [1, 2], map: { a: 1 } } });
    assert.ok('f:data' in fieldsOf(made, 'one')!);
    assert.equal((await apply(path, revision({ spec: { list: [1, 2], map: { a: 1 } } }), 'one')).code, 200);
  });

  test('the status has owners of its own', async () => {
    const config = deployment('s', [{ name: 'c', image: 'i' }]);
    const made = ok(await apply(deployments('/s'), { ...config, status: { replicas: 3 } }, 'one'));
    assert.equal(made.status.replicas, undefined);
    assert.equal('f:status' in fieldsOf(made, 'one')!, false);
    const { apiVersion, kind, metadata } = config;
    const status = { apiVersion, kind, metadata, spec: { replicas: 9 }, status: { replicas: 3 } };
    const written = ok(await apply(deployments('/s/status'), status, 'two'));
    assert.deepEqual([written.status.replicas, written.spec.replicas], [3, 1]);
    assert.deepEqual(owners(written), ['one Apply', 'two Apply status']);
    assert.deepEqual(fieldsOf(written, 'two'), { 'f:status': { 'f:replicas': {} } });
    assert.equal(
      (await apply(deployments('/s/status'), { ...status, status: { replicas: 4 } }, 'three')).body.message,
      'Apply failed with 1 conflict: conflict with "two" with subresource "status": .status.replicas',
    );
    const none = await apply(deployments('/none/status'), { ...status, metadata: { name: 'none' } }, 'two');
    assert.equal(none.code, 404, 'a status creates nothing');
  });

  test('a dry run tells the outcome and keeps nothing of it', async () => {
    const made = await apply(maps('/dry'), map('dry', { a: '1' }), 'one', '&dryRun=All');
    assert.deepEqual([made.code, owners(made.body)], [201, ['one Apply']]);
    assert.equal((await api.ask('GET', maps('/dry'))).code, 404);
    const before = ok(await apply(maps('/dry'), map('dry', { a: '1' }), 'one'));
    const after = ok(await apply(maps('/dry'), map('dry', { a: '2' }), 'one', '&dryRun=All'));
    assert.deepEqual(after.data, { a: '2' });
    assert.deepEqual((await api.ask('GET', maps('/dry'))).body, before);
    assert.equal((await apply(maps('/dry'), map('dry', { a: '3' }), 'two', '&dryRun=All')).code, 409);
  });

  test('entries are written and reset by those who know them', async () => {
    const made = ok(await api.ask('POST', maps('?fieldManager=one'), { body: map('entries', { a: '1' }) }));
    const { body } = await api.ask('GET', maps('/entries'));
    const [entry] = entriesOf(body);
    const given = { ...entry, manager: 'renamed' };
    // Without a word on them, entries stay.
    const plain = ok(await api.ask('PUT', maps('/entries'), { body: { ...body, metadata: { name: 'entries' } } }));
    assert.deepEqual(entriesOf(plain), entriesOf(body));
    const json = [
      { op: 'replace', path: '/metadata/managedFields', value: [given] },
      { op: 'replace', path: '/metadata/resourceVersion', value: body.metadata.resourceVersion },
    ];
    const renamed = ok(await space.patch(maps('/entries'), json, 'application/json-patch+json'));
    assert.deepEqual(owners(renamed), ['renamed Update']);
    for (const type of ['application/merge-patch+json', 'application/strategic-merge-patch+json']) {
      for (const managedFields of [[{}], []]) {
        ok(await space.patch(maps('/entries'), { metadata: { managedFields: [given] } }, type));
        const reset = ok(await space.patch(maps('/entries'), { metadata: { managedFields } }, type));
        assert.deepEqual(entriesOf(reset), []);
      }
    }
    const first = ok(await apply(maps('/entries'), map('entries', { b: '1' }), 'two'));
    assert.deepEqual(owners(first), ['before-first-apply Update', 'two Apply']);
    assert.ok(made.metadata.uid);
  });

  test('an object remembers ten who updated it, and all who applied to it', async () => {
    ok(await space.configMap('crowd'));
    for (let i = 0; i < 14; i++) {
      ok(await space.patch(maps(`/crowd?fieldManager=u${i}`), { data: { [`u${i}`]: '1' } }));
      ok(await apply(maps('/crowd'), map('crowd', { [`a${i}`]: '1' }), `a${i}`));
    }
    const { body } = await api.ask('GET', maps('/crowd'));
    const updates = entriesOf(body).filter(({ operation }) => operation === 'Update');
    assert.equal(updates.length, 10);
    assert.ok(updates.some(({ manager }) => manager === 'ancient-changes'));
    assert.equal(entriesOf(body).length, 24);
    const all = updates.flatMap(({ fieldsV1 }) => Object.keys(fieldsV1['f:data'] ?? {})).filter((key) => key !== '.');
    assert.equal(new Set(all).size, 14);
  });

  test('two versions of a kind: what one applied, the other takes away', async () => {
    const target = { scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'd' } };
    const config = (version: string, spec: object) => ({
      apiVersion: `autoscaling/${version}`,
      kind: 'HorizontalPodAutoscaler',
      metadata: { name: 'h' },
      spec: { ...target, maxReplicas: 5, ...spec },
    });
    const cpu = {
      type: 'Resource',
      resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 50 } },
    };
    const behavior = { scaleDown: { stabilizationWindowSeconds: 60 } };
    ok(await apply(scalers('v2', '/h'), config('v2', { minReplicas: 2, metrics: [cpu], behavior }), 'one'));
    const older = ok(await apply(scalers('v1', '/h'), config('v1', { targetCPUUtilizationPercentage: 60 }), 'one'));
    assert.equal(older.spec.targetCPUUtilizationPercentage, 60);
    assert.deepEqual(
      entriesOf(older).map(({ manager, apiVersion }) => [manager, apiVersion]),
      [['one', 'autoscaling/v1']],
    );
    const { body } = await api.ask('GET', scalers('v2', '/h'));
    assert.deepEqual([body.spec.minReplicas, body.spec.behavior], [1, undefined]);
    assert.equal(body.spec.metrics[0].resource.target.averageUtilization, 60);
    const other = await apply(scalers('v2', '/h'), config('v2', { maxReplicas: 6 }), 'two');
    assert.equal(other.body.message, 'Apply failed with 1 conflict: conflict with "one": .spec.maxReplicas');
  });

  test('kubectl goes from its own apply to the server’s', async () => {
    const note = 'kubectl.kubernetes.io/last-applied-configuration';
    const config = map('kubectl', { a: '1', b: '1' });
    const body = { ...config, metadata: { name: 'kubectl', annotations: { [note]: `${JSON.stringify(config)}\n` } } };
    ok(await api.ask('POST', maps('?fieldManager=kubectl-client-side-apply'), { body }));
    // What was applied on its side is taken over without asking, where it is as it was applied.
    const next = ok(await apply(maps('/kubectl'), map('kubectl', { a: '2', b: '1' }), 'kubectl'));
    assert.deepEqual(next.data, { a: '2', b: '1' });
    assert.deepEqual(JSON.parse(next.metadata.annotations[note]).data, { a: '2', b: '1' });
    ok(await space.patch(maps('/kubectl?fieldManager=editor'), { data: { b: '2' } }));
    const refused = await apply(maps('/kubectl'), map('kubectl', { a: '2', b: '3' }), 'kubectl');
    assert.equal(refused.body.message, 'Apply failed with 1 conflict: conflict with "editor" using v1: .data.b');
    assert.equal((await apply(maps('/kubectl'), map('kubectl', { a: '3' }), 'another')).code, 409);
  });

  test('conflicts are the same whichever came first', async () => {
    for (const [name, first, second] of [
      ['ab', 'one', 'two'],
      ['ba', 'two', 'one'],
    ] as const) {
      ok(await apply(maps(`/${name}`), map(name, { a: first }), first));
      assert.equal(
        (await apply(maps(`/${name}`), map(name, { a: second }), second)).body.message,
        `Apply failed with 1 conflict: conflict with "${first}": .data.a`,
      );
    }
  });
});
