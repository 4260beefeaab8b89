/** Creating and replacing objects: what the server keeps, changes, refuses. Words and codes are upstream's. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { kinds } from '#lib/kinds/index.ts';
import type { Answer, TestApi } from '../harness/api.ts';
import { makeSpace } from './server.ts';
import type { Space } from './server.ts';

suite('writes', () => {
  let space: Space;
  let api: TestApi;
  suiteSetup(async () => {
    space = await makeSpace('writes');
    ({ api } = space);
  });

  const maps = (rest = '') => `${space.path}/configmaps${rest}`;
  const apps = (rest: string) => `/apis/apps/v1/namespaces/writes/${rest}`;
  const leases = (rest: string) => `/apis/coordination.k8s.io/v1/namespaces/writes/leases${rest}`;
  const post = (path: string, body: unknown) => api.ask('POST', path, { body });
  const put = (path: string, body: unknown) => api.ask('PUT', path, { body });
  const told = ({ code, body }: Answer) => [code, body.reason, body.message];

  const template = {
    metadata: { labels: { app: 'a' } },
    spec: { containers: [{ name: 'c', image: 'i' }] },
  };
  const deployment = (name: string, more: object = {}) => ({
    metadata: { name, ...more },
    spec: { selector: { matchLabels: { app: 'a' } }, template },
  });

  suite('create', () => {
    test('the server alone says when, where and as what an object came to be', async () => {
      const { body, code } = await post(maps(), {
        metadata: {
          name: 'born',
          uid: 'mine',
          creationTimestamp: '2001-01-01T00:00:00Z',
          deletionTimestamp: '2001-01-01T00:00:00Z',
          deletionGracePeriodSeconds: 7,
          selfLink: '/here',
          generation: 5,
        },
      });
      assert.equal(code, 201);
      const { uid, creationTimestamp, ...rest } = body.metadata;
      assert.match(uid, /^[0-9a-f]{8}-/);
      assert.ok(Date.parse(creationTimestamp) > Date.parse('2020-01-01'));
      const { resourceVersion: _, managedFields: _m, ...left } = rest;
      // What a strategy does not set of the generation stays as it was sent.
      assert.deepEqual(left, { name: 'born', namespace: 'writes', generation: 5 });
    });

    test('an object with a version cannot be created', async () => {
      assert.deepEqual(told(await post(maps(), { metadata: { name: 'versioned', resourceVersion: '1' } })), [
        500,
        undefined,
        'resourceVersion should not be set on objects to be created',
      ]);
    });

    test('YAML that gives keys twice says its lines', async () => {
      const lines = ['kind: ConfigMap', 'metadata:', '  name: yaml', 'data:', '  a: "1"', '  b: "2"', '  a: "3"'];
      const body = [...lines, 'more: 1', 'kind: ConfigMap', ''].join('\n');
      const headers = { 'content-type': 'application/yaml' };
      const ask = (query: string) => api.ask('POST', `${space.path}/configmaps${query}`, { body, headers });
      const strict = await ask('?fieldValidation=Strict');
      assert.deepEqual(
        [strict.code, strict.body.message],
        [
          400,
          'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: yaml: unmarshal errors:\n  line 7: key "a" already set in map\n  line 9: key "kind" already set in map, unknown field "more"',
        ],
      );
      const warned = await ask('');
      assert.deepEqual([warned.code, warned.body.data], [201, { a: '3', b: '2' }]);
      assert.equal(
        warned.headers['warning'],
        '299 - "line 7: key \\"a\\" already set in map", 299 - "line 9: key \\"kind\\" already set in map", 299 - "unknown field \\"more\\""',
      );
    });

    test('an object for which the store has too little room goes without its owners', async () => {
      const data = Object.fromEntries(Array.from({ length: 4_000 }, (_, i) => [`${i}-`.padEnd(240, 'k'), '']));
      const { code, body } = await post(maps(), { metadata: { name: 'large', labels: { a: 'b' } }, data });
      assert.equal(code, 201, body.message);
      assert.deepEqual([body.metadata.managedFields, body.metadata.labels], [undefined, { a: 'b' }]);
      const more = Object.fromEntries(Object.keys(data).map((key) => [key, 'x'.repeat(200)]));
      const refused = await space.patch(maps('/large'), { data: more });
      assert.deepEqual(told(refused), [500, undefined, 'etcdserver: request is too large']);
      await api.ask('DELETE', maps('/large'));
    });

    test('warnings come with failures too, in the letters of all languages', async () => {
      const path = '/api/v1/namespaces/writes/pods';
      const container = { name: 'NO', image: 'i', größe: 1 };
      const { code, headers } = await post(path, { metadata: { name: 'warned' }, spec: { containers: [container] } });
      const told = Buffer.from(String(headers['warning']), 'latin1').toString();
      assert.deepEqual([code, told], [422, '299 - "unknown field \\"spec.containers[0].größe\\""']);
      const session = api.http2();
      const stream = session.request({ ':path': `${space.path}/configmaps?dryRun=All`, ':method': 'POST' });
      stream.end('{"metadata":{"name":"warned"},"größe":1}');
      const [answer] = (await once(stream, 'response')) as [Record<string, string | number>];
      session.close();
      const alike = Buffer.from(String(answer['warning']), 'latin1').toString();
      assert.deepEqual([answer[':status'], alike], [201, '299 - "unknown field \\"größe\\""']);
    });

    test('what is no version is none', async () => {
      for (const resourceVersion of ['0', 'none']) {
        const { code } = await post(maps(), { metadata: { name: `version-${resourceVersion}`, resourceVersion } });
        assert.equal(code, 201);
      }
      assert.deepEqual(told(await put(maps('/version-0'), { metadata: { name: 'version-0', resourceVersion: 'x' } })), [
        500,
        undefined,
        'strconv.ParseUint: parsing "x": invalid syntax',
      ]);
    });

    test('a body of another kind, of another version, or of none that there is', async () => {
      const metadata = { name: 'sort' };
      const refused = async (path: string, body: object) => {
        const answer = await post(path, body);
        assert.equal(answer.code, 400);
        return answer.body.message;
      };
      const scheme = 'in scheme "pkg/api/legacyscheme/scheme.go:30"';
      assert.equal(
        await refused(maps(), { apiVersion: 'v1', kind: 'Secret', metadata }),
        'Secret in version "v1" cannot be handled as a ConfigMap: converting (v1.Secret) to (core.ConfigMap): unknown conversion',
      );
      assert.equal(
        await refused(maps(), { apiVersion: 'v1', kind: 'Map', metadata }),
        `Map in version "v1" cannot be handled as a ConfigMap: no kind "Map" is registered for version "v1" ${scheme}`,
      );
      assert.equal(
        await refused(maps(), { apiVersion: 'apps/v2', kind: 'ConfigMap', metadata }),
        `ConfigMap in version "v2" cannot be handled as a ConfigMap: no kind "ConfigMap" is registered for version "apps/v2" ${scheme}`,
      );
      assert.equal(
        await refused(apps('deployments'), { apiVersion: 'apps/v1beta1', kind: 'Deployment', metadata }),
        'the API version in the data (apps/v1beta1) does not match the expected API version (apps/v1)',
      );
      assert.equal((await post(maps(), { apiVersion: '', kind: '', metadata })).code, 201);
    });

    test('an object of another namespace is refused; a cluster has none', async () => {
      const { body, code } = await post(maps(), { metadata: { name: 'elsewhere', namespace: 'default' } });
      assert.deepEqual(
        [code, body.message],
        [400, 'the namespace of the provided object does not match the namespace sent on the request'],
      );
      const role = await post('/apis/rbac.authorization.k8s.io/v1/clusterroles', {
        metadata: { name: 'writes-nowhere', namespace: 'default' },
      });
      assert.deepEqual([role.code, role.body.metadata.namespace], [201, undefined]);
      const path = '/apis/rbac.authorization.k8s.io/v1/clusterroles/writes-nowhere';
      const patched = await space.patch(path, { metadata: { namespace: 'default', labels: { a: 'b' } } });
      assert.deepEqual([patched.code, patched.body.metadata.namespace], [200, undefined]);
      await api.ask('DELETE', '/apis/rbac.authorization.k8s.io/v1/clusterroles/writes-nowhere');
    });

    test('a name that is taken, by what is there, by what is about to go, by what was made up', async () => {
      await space.configMap('taken', { finalizers: ['example.com/stay'] });
      const exists = 'configmaps "taken" already exists';
      assert.deepEqual(told(await space.configMap('taken')), [409, 'AlreadyExists', exists]);
      const both = await space.configMap('taken', { generateName: 'take' });
      assert.deepEqual(told(both), [
        409,
        'AlreadyExists',
        `${exists}, the server was not able to generate a unique name for the object`,
      ]);
      assert.deepEqual(both.body.details, { name: 'taken', kind: 'configmaps', retryAfterSeconds: 1 });
      assert.equal(both.headers['retry-after'], '1');
      await api.ask('DELETE', maps('/taken'));
      assert.deepEqual(told(await space.configMap('taken')), [
        409,
        'AlreadyExists',
        `object is being deleted: ${exists}`,
      ]);
      await space.patch(maps('/taken'), { metadata: { finalizers: null } });
      assert.equal((await space.configMap('taken')).code, 201);
    });

    test('names are made of a prefix, which stays', async () => {
      const { body } = await post(maps(), { metadata: { generateName: 'made-' } });
      assert.match(body.metadata.name, /^made-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
      assert.equal(body.metadata.generateName, 'made-');
      const { body: long } = await post(maps(), { metadata: { generateName: 'x'.repeat(100) } });
      assert.equal(long.metadata.name.length, 63);
    });

    test('owners that are named twice count once, and the client is told', async () => {
      const owner = { apiVersion: 'v1', kind: 'ConfigMap', name: 'o', uid: 'u-1' };
      const warning = (when: string) =>
        `299 - ".metadata.ownerReferences contains duplicate entries${when}; API server dedups owner references in 1.20+, and may reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: u-1"`;
      const owners = { ownerReferences: [owner, { ...owner, name: 'p' }, owner] };
      const created = await space.configMap('owned', owners);
      assert.deepEqual(created.body.metadata.ownerReferences, [owner, { ...owner, name: 'p' }]);
      assert.equal(created.headers['warning'], warning(''));
      const replaced = await put(maps('/owned'), { metadata: { name: 'owned', ownerReferences: [owner, owner] } });
      assert.deepEqual(replaced.body.metadata.ownerReferences, [owner]);
      assert.equal(replaced.headers['warning'], warning(''));
      const patched = await space.patch(maps('/owned'), { metadata: owners });
      assert.equal(patched.body.metadata.ownerReferences.length, 2);
      assert.equal(patched.headers['warning'], warning(' after mutating admission happens'));
    });
  });

  suite('update', () => {
    test('what the system says of an object stays, whatever a client sends', async () => {
      const { body: before } = await space.configMap('kept', { labels: { a: 'b' } });
      const { body, code } = await put(maps('/kept'), {
        metadata: {
          name: 'kept',
          creationTimestamp: '2001-01-01T00:00:00Z',
          selfLink: '/here',
          generation: 9,
          labels: { a: 'c' },
        },
      });
      assert.equal(code, 200);
      assert.deepEqual(
        { ...body.metadata, resourceVersion: '', managedFields: [] },
        { ...before.metadata, labels: { a: 'c' }, resourceVersion: '', managedFields: [] },
      );
      const deleted = { metadata: { name: 'kept', deletionTimestamp: '2001-01-01T00:00:00Z' } };
      assert.deepEqual(told(await put(maps('/kept'), deleted)), [
        422,
        'Invalid',
        'ConfigMap "kept" is invalid: metadata.deletionTimestamp: Invalid value: 2001-01-01 00:00:00 +0000 UTC: field is immutable',
      ]);
      const grace = { metadata: { name: 'kept', deletionGracePeriodSeconds: 3 } };
      assert.deepEqual(told(await put(maps('/kept'), grace)), [
        422,
        'Invalid',
        'ConfigMap "kept" is invalid: metadata.deletionGracePeriodSeconds: Invalid value: 3: field is immutable',
      ]);
    });

    test('an object is replaced where it is', async () => {
      await space.configMap('placed');
      assert.deepEqual(told(await put(maps('/placed'), { metadata: { name: 'other' } })), [
        400,
        'BadRequest',
        'the name of the object (other) does not match the name on the URL (placed)',
      ]);
      assert.deepEqual(told(await put(maps('/placed'), { metadata: {} })), [
        400,
        'BadRequest',
        'the name of the object (placed based on URL) was undeterminable: name must be provided',
      ]);
      assert.deepEqual(told(await put(maps('/placed'), { metadata: { name: 'placed', namespace: 'default' } })), [
        400,
        'BadRequest',
        'the namespace of the provided object does not match the namespace sent on the request',
      ]);
      assert.deepEqual(told(await put(maps('/none'), { metadata: { name: 'none' } })), [
        404,
        'NotFound',
        'configmaps "none" not found',
      ]);
    });

    test('of an object that is another by now', async () => {
      const { body: before } = await space.configMap('twin');
      const { uid } = before.metadata;
      assert.deepEqual(told(await put(maps('/twin'), { metadata: { name: 'twin', uid: 'x' } })), [
        409,
        'Conflict',
        `Operation cannot be fulfilled on configmaps "twin": StorageError: invalid object, Code: 4, Key: /registry/configmaps/writes/twin, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: x, UID in object meta: ${uid}`,
      ]);
      assert.equal((await put(maps('/twin'), { metadata: { name: 'twin', uid } })).code, 200);
    });

    test('no version means whichever there is, but for the kinds that must not be overwritten', async () => {
      await space.configMap('any');
      for (const resourceVersion of ['', '0']) {
        const data = { v: resourceVersion };
        assert.equal((await put(maps('/any'), { metadata: { name: 'any', resourceVersion }, data })).code, 200);
      }
      await post(leases(''), { metadata: { name: 'one' } });
      for (const resourceVersion of ['', '0']) {
        const refused = await put(leases('/one'), { metadata: { name: 'one', resourceVersion }, spec: {} });
        const fault = 'Invalid value: 0x0: must be specified for an update';
        assert.deepEqual(told(refused), [
          422,
          'Invalid',
          `leases.coordination.k8s.io "one" is invalid: metadata.resourceVersion: ${fault}`,
        ]);
        assert.deepEqual(refused.body.details, {
          name: 'one',
          group: 'coordination.k8s.io',
          kind: 'leases',
          causes: [{ reason: 'FieldValueInvalid', message: fault, field: 'metadata.resourceVersion' }],
        });
      }
    });

    test('the kinds of which an update must name the version, and those that it may create', () => {
      const of = (has: (kind: (typeof kinds)[number]) => boolean | undefined) =>
        [...new Set(kinds.filter(has).map(({ plural }) => plural))].sort();
      assert.deepEqual(
        of(({ namesVersion }) => namesVersion),
        [
          'csidrivers',
          'csinodes',
          'csistoragecapacities',
          'customresourcedefinitions',
          'leases',
          'mutatingwebhookconfigurations',
          'poddisruptionbudgets',
          'runtimeclasses',
          'validatingadmissionpolicies',
          'validatingadmissionpolicybindings',
          'validatingwebhookconfigurations',
          'volumeattachments',
        ],
      );
      assert.deepEqual(
        of(({ createdByUpdate }) => createdByUpdate),
        [
          'clusterrolebindings',
          'clusterroles',
          'endpoints',
          'events',
          'leases',
          'limitranges',
          'rolebindings',
          'roles',
          'runtimeclasses',
          'services',
        ],
      );
    });

    test('finalizers may go while an object is being deleted, and none may come', async () => {
      await space.configMap('going', { finalizers: ['example.com/a', 'example.com/b'] });
      await api.ask('DELETE', maps('/going'));
      const finalizers = ['example.com/a', 'example.com/c'];
      assert.deepEqual(told(await space.patch(maps('/going'), { metadata: { finalizers } })), [
        422,
        'Invalid',
        'ConfigMap "going" is invalid: metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{"example.com/c"}',
      ]);
      const { body } = await space.patch(maps('/going'), { metadata: { finalizers: ['example.com/b'] } });
      assert.deepEqual(body.metadata.finalizers, ['example.com/b']);
      const last = await space.patch(maps('/going'), { metadata: { finalizers: [] } });
      assert.deepEqual([last.code, last.body.kind], [200, 'ConfigMap']);
      assert.equal((await api.ask('GET', maps('/going'))).code, 404);
    });
  });

  suite('generation', () => {
    test('the kinds that count generations', () => {
      const counting = kinds.filter(({ generation }) => generation).map(({ plural }) => plural);
      assert.deepEqual(
        [...new Set(counting)].sort(),
        [
          'csidrivers',
          'cronjobs',
          'customresourcedefinitions',
          'daemonsets',
          'deployments',
          'endpointslices',
          'flowschemas',
          'ingressclasses',
          'ingresses',
          'jobs',
          'mutatingwebhookconfigurations',
          'networkpolicies',
          'poddisruptionbudgets',
          'podtemplates',
          'priorityclasses',
          'prioritylevelconfigurations',
          'replicasets',
          'replicationcontrollers',
          'statefulsets',
          'validatingadmissionpolicies',
          'validatingadmissionpolicybindings',
          'validatingwebhookconfigurations',
        ].sort(),
      );
    });

    test('the spec raises it, metadata and status do not; the annotations of a Deployment do', async () => {
      await post(apps('deployments'), deployment('d'));
      await post(apps('replicasets'), deployment('r'));
      const step = async (path: string, patch: unknown) => {
        const { body } = await space.patch(apps(path), patch);
        return body.metadata.generation;
      };
      assert.equal(await step('deployments/d', { metadata: { labels: { a: 'b' } } }), 1);
      assert.equal(await step('deployments/d', { metadata: { annotations: { a: 'b' } } }), 2);
      assert.equal(await step('deployments/d', { spec: { replicas: 3 } }), 3);
      assert.equal(await step('deployments/d', { spec: { replicas: 3 } }), 3);
      assert.equal(await step('deployments/d/status', { status: { replicas: 1 } }), 3);
      assert.equal(await step('deployments/d/scale', { spec: { replicas: 4 } }), undefined);
      assert.equal(await step('deployments/d', {}), 4);
      assert.equal(await step('deployments/d', { metadata: { generation: 9 } }), 4);
      assert.equal(await step('replicasets/r', { metadata: { annotations: { a: 'b' } } }), 1);
      assert.equal(await step('replicasets/r', { spec: { replicas: 2 } }), 2);
    });

    test('what holds nothing is left out, and so is no change', async () => {
      await post(apps('deployments'), deployment('empty'));
      const read = async () => (await api.ask('GET', apps('deployments/empty'))).body;
      const before = await read();
      const nothing = { nodeSelector: {}, tolerations: [], hostNetwork: false, subdomain: '', volumes: [] };
      const { metadata, spec } = before;
      const { code, body } = await api.ask('PUT', apps('deployments/empty'), {
        body: {
          ...before,
          metadata: { ...metadata, labels: {}, annotations: {} },
          spec: { ...spec, paused: false, template: { ...spec.template, spec: { ...spec.template.spec, ...nothing } } },
        },
      });
      assert.equal(code, 200);
      assert.deepEqual(body, before);
      const patched = await space.patch(apps('deployments/empty'), { spec: { template: { spec: nothing } } });
      assert.equal(patched.code, 200);
      assert.deepEqual(await read(), before);
    });

    test('the deletion of an object that stays for now raises it', async () => {
      await post(apps('replicasets'), deployment('last', { finalizers: ['example.com/a'] }));
      const { body } = await api.ask('DELETE', apps('replicasets/last'));
      assert.equal(body.metadata.generation, 2);
      const again = await api.ask('DELETE', apps('replicasets/last'));
      assert.equal(again.body.metadata.generation, 2);
      await space.patch(apps('replicasets/last'), { metadata: { finalizers: null } });
    });

    test('a priority class counts no changes', async () => {
      const path = '/apis/scheduling.k8s.io/v1/priorityclasses';
      await post(path, { metadata: { name: 'writes-count' }, value: 1 });
      const { body } = await space.patch(`${path}/writes-count`, { description: 'more' });
      assert.deepEqual([body.description, body.metadata.generation], ['more', 1]);
      await api.ask('DELETE', `${path}/writes-count`);
    });
  });

  suite('dry run', () => {
    test('tells what would be, and leaves all as it is', async () => {
      const query = '?dryRun=All';
      const made = await post(maps(query), { metadata: { name: 'dry' } });
      assert.deepEqual([made.code, made.body.metadata.name], [201, 'dry']);
      assert.ok(made.body.metadata.uid);
      assert.equal((await api.ask('GET', maps('/dry'))).code, 404);
      const { body: before } = await space.configMap('wet');
      assert.deepEqual(told(await post(maps(query), { metadata: { name: 'wet' } })), [
        409,
        'AlreadyExists',
        'configmaps "wet" already exists',
      ]);
      const replaced = await put(maps(`/wet${query}`), { metadata: { name: 'wet' }, data: { a: 'b' } });
      assert.deepEqual([replaced.code, replaced.body.data], [200, { a: 'b' }]);
      assert.equal(replaced.body.metadata.resourceVersion, before.metadata.resourceVersion);
      const patched = await space.patch(maps(`/wet${query}`), { data: { a: 'c' } });
      assert.deepEqual([patched.code, patched.body.data], [200, { a: 'c' }]);
      const deleted = await api.ask('DELETE', maps(`/wet${query}`));
      assert.deepEqual([deleted.code, deleted.body.status], [200, 'Success']);
      const all = await api.ask('DELETE', maps(query));
      assert.deepEqual([all.code, all.body.kind], [200, 'ConfigMapList']);
      assert.deepEqual((await api.ask('GET', maps('/wet'))).body, before);
    });

    test('of an update that would create', async () => {
      const { code, body } = await put(leases('/dry?dryRun=All'), { metadata: { name: 'dry' } });
      assert.deepEqual([code, body.metadata.name], [201, 'dry']);
      assert.equal((await api.ask('GET', leases('/dry'))).code, 404);
    });

    test('of parts of objects', async () => {
      const pod = { metadata: { name: 'dry' }, spec: { containers: [{ name: 'c', image: 'i' }] } };
      const namespace = { metadata: { name: 'writes-dry' } };
      const request = {
        metadata: { name: 'writes-dry' },
        spec: {
          request: btoa('-----BEGIN CERTIFICATE REQUEST-----\n-----END CERTIFICATE REQUEST-----\n'),
          signerName: 'example.com/s',
          usages: ['client auth'],
        },
      };
      const requests = '/apis/certificates.k8s.io/v1/certificatesigningrequests';
      const approved = { conditions: [{ type: 'Approved', status: 'True', reason: 'R', message: '' }] };
      const asked: [string, string, object, string, object][] = [
        [
          `${space.path}/pods`,
          'dry',
          pod,
          'ephemeralcontainers',
          { spec: { ephemeralContainers: [{ name: 'e', image: 'i' }] } },
        ],
        [
          '/api/v1/namespaces',
          'writes-dry',
          namespace,
          'status',
          { status: { conditions: [{ type: 'A', status: 'True' }] } },
        ],
        [requests, 'writes-dry', request, 'approval', { status: approved }],
      ];
      for (const [list, name, body, part, change] of asked) {
        await post(list, body);
        const path = `${list}/${name}`;
        const { body: before } = await api.ask('GET', path);
        const { code, body: shown } = await space.patch(`${path}/${part}?dryRun=All`, change);
        assert.equal(code, 200, shown.message);
        assert.notDeepEqual({ ...shown, metadata: {} }, { ...before, metadata: {} }, `${part} shows the change`);
        assert.deepEqual((await api.ask('GET', path)).body, before, `${part} keeps nothing of it`);
        await api.ask('DELETE', path);
      }
    });

    test('of scale and status', async () => {
      const { body: before } = await post(apps('replicasets'), deployment('dry'));
      const scaled = await space.patch(apps('replicasets/dry/scale?dryRun=All'), { spec: { replicas: 5 } });
      assert.deepEqual([scaled.code, scaled.body.spec], [200, { replicas: 5 }]);
      const status = await space.patch(apps('replicasets/dry/status?dryRun=All'), { status: { replicas: 5 } });
      assert.deepEqual([status.code, status.body.status.replicas], [200, 5]);
      assert.deepEqual((await api.ask('GET', apps('replicasets/dry'))).body, before);
    });
  });
});
