import assert from 'node:assert/strict';
import { once } from 'node:events';
import { startTestApi } from '../../test/harness/api.ts';
import type { Answer, TestApi } from '../../test/harness/api.ts';
import { decodeEnvelope, encodeEnvelope } from './protobuf.ts';

const maps = '/api/v1/namespaces/default/configmaps';
const services = '/api/v1/namespaces/default/services';
const map = (name: string, extra: object = {}) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, ...extra },
});
const table = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json' };

/** Asserts a failure's code, reason and text. */
function refused({ code, body }: Answer, wanted: number, reason: string, text: string | RegExp): void {
  assert.equal(body.kind, 'Status', JSON.stringify(body));
  assert.deepEqual([code, body.code, body.reason], [wanted, wanted, reason], body.message);
  if (typeof text === 'string') assert.equal(body.message, text);
  else assert.match(body.message, text);
}

suite('REST', () => {
  let api: TestApi;

  suiteSetup(async () => {
    api = await startTestApi();
    const account = { metadata: { name: 'default' } };
    await api.ask('POST', '/api/v1/namespaces/default/serviceaccounts', { body: account });
  });

  suiteTeardown(() => api.stop());

  test('objects are created, read, replaced, patched and deleted', async () => {
    const made = await api.ask('POST', maps, { body: map('crud') });
    assert.equal(made.code, 201);
    const path = `${maps}/crud`;
    assert.deepEqual((await api.ask('GET', path)).body, made.body);
    const replaced = await api.ask('PUT', path, { body: { ...made.body, data: { x: '1' } } });
    assert.deepEqual([replaced.code, replaced.body.data], [200, { x: '1' }]);
    const headers = { 'content-type': 'application/merge-patch+json' };
    const patched = await api.ask('PATCH', path, { body: { data: { y: '2' } }, headers });
    assert.deepEqual([patched.code, patched.body.data], [200, { x: '1', y: '2' }]);
    const gone = await api.ask('DELETE', path);
    assert.deepEqual(gone.body, {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Success',
      details: { name: 'crud', kind: 'configmaps', uid: made.body.metadata.uid },
    });
    refused(await api.ask('GET', path), 404, 'NotFound', 'configmaps "crud" not found');
  });

  test('failures are Statuses in the words of upstream', async () => {
    await api.ask('POST', maps, { body: map('twice') });
    refused(
      await api.ask('POST', maps, { body: map('twice') }),
      409,
      'AlreadyExists',
      'configmaps "twice" already exists',
    );
    const invalid = await api.ask('POST', maps, { body: map('Not_A_Name') });
    refused(invalid, 422, 'Invalid', /^ConfigMap "Not_A_Name" is invalid: metadata.name: Invalid value/);
    assert.equal(invalid.body.details.causes[0].reason, 'FieldValueInvalid');
    const unknown = await api.ask('POST', `${maps}?fieldValidation=Strict`, { body: { ...map('x'), foo: 1 } });
    refused(
      unknown,
      400,
      'BadRequest',
      'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: unknown field "foo"',
    );
    const wrong = await api.ask('POST', maps, { body: { ...map('x'), apiVersion: 'apps/v1' } });
    refused(
      wrong,
      400,
      'BadRequest',
      'ConfigMap in version "v1" cannot be handled as a ConfigMap: no kind "ConfigMap" is registered for version "apps/v1" in scheme "pkg/api/legacyscheme/scheme.go:30"',
    );
    refused(
      await api.ask('GET', '/apis/apps/v1/things'),
      404,
      'NotFound',
      'the server could not find the requested resource',
    );
    refused(
      await api.ask('POST', `${maps}/twice`, { body: map('twice') }),
      405,
      'MethodNotAllowed',
      'the server does not allow this method on the requested resource',
    );
    refused(
      await api.ask('GET', maps, { headers: { accept: 'text/html' } }),
      406,
      'NotAcceptable',
      /^only the following media types are accepted: application\/json/,
    );
    const odd = { 'content-type': 'text/plain' };
    refused(await api.ask('POST', maps, { body: 'x', headers: odd }), 415, 'UnsupportedMediaType', /unknown format/);
    refused(
      await api.ask('PATCH', `${maps}/twice`, { body: '{}', headers: odd }),
      415,
      'UnsupportedMediaType',
      /json-patch/,
    );
    refused(await api.ask('POST', maps, { body: '{' }), 400, 'BadRequest', /json parse error/);
    const huge = Buffer.alloc(3 * 1024 * 1024 + 1, 0x20);
    refused(
      await api.ask('POST', maps, { body: huge, headers: { 'content-type': 'application/json' } }),
      413,
      'RequestEntityTooLarge',
      'Request entity too large: limit is 3145728',
    );
    refused(
      await api.ask('DELETE', `${maps}/twice?dryRun=Some`),
      422,
      'Invalid',
      /dryRun: Unsupported value: \[\]string\{"Some"\}/,
    );
  });

  test('warnings go into headers', async () => {
    const { code, headers } = await api.ask('POST', maps, { body: { ...map('warned'), foo: 1 } });
    assert.equal(code, 201);
    assert.equal(headers['warning'], '299 - "unknown field \\"foo\\""');
  });

  test('bodies may be YAML, of which the first document counts', async () => {
    const headers = { 'content-type': 'application/yaml' };
    const body = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: yaml}\ndata:\n  a: "1"\n';
    const made = await api.ask('POST', maps, { body, headers });
    assert.deepEqual([made.code, made.body.data], [201, { a: '1' }]);
    const second = body.replace('name: yaml', 'name: second');
    const two = await api.ask('POST', maps, { body: `${second}---\n${body}`, headers });
    assert.deepEqual([two.code, two.body.metadata.name], [201, 'second']);
    const bomb = `a: &a [x,x,x,x,x,x,x,x,x]\n${['b', 'c', 'd', 'e', 'f'].map((name, i) => `${name}: &${name} [${Array(9).fill(`*${'abcdef'[i]}`).join(',')}]`).join('\n')}`;
    refused(await api.ask('POST', maps, { body: bomb, headers }), 400, 'BadRequest', /alias/);
    const shown = await api.ask('GET', `${maps}/yaml`, { headers: { accept: 'application/yaml' } });
    assert.match(shown.bytes.toString(), /kind: ConfigMap/);
  });

  test('nobody is let in without credentials, and only health and version are public', async () => {
    for (const path of ['/healthz', '/livez', '/readyz', '/version', '/readyz?verbose']) {
      assert.equal((await api.ask('GET', path, { token: '' })).code, 200, path);
    }
    assert.equal((await api.ask('GET', '/livez/ping', { token: '' })).code, 403);
    refused(
      await api.ask('GET', maps, { token: '' }),
      403,
      'Forbidden',
      'configmaps is forbidden: User "system:anonymous" cannot list resource "configmaps" in API group "" in the namespace "default"',
    );
    refused(await api.ask('GET', maps, { token: 'wrong' }), 401, 'Unauthorized', 'Unauthorized');
    const review = await api.ask('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', {
      token: 'file-token',
      body: {},
    });
    assert.deepEqual(review.body.status.userInfo, {
      username: 'bob',
      uid: 'b1',
      groups: ['dev', 'ops', 'system:authenticated'],
    });
  });

  test('who may act as another is taken for them', async () => {
    const path = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
    const headers = { 'impersonate-user': 'eve', 'impersonate-group': 'dev', 'impersonate-extra-scope': 'a' };
    const { body } = await api.ask('POST', path, { body: {}, headers });
    assert.deepEqual(body.status.userInfo, {
      username: 'eve',
      groups: ['dev', 'system:authenticated'],
      extra: { scope: ['a'] },
    });
    const account = { 'impersonate-user': 'system:serviceaccount:n:robot' };
    const robot = await api.ask('POST', path, { body: {}, headers: account });
    assert.ok(robot.body.status.userInfo.groups.includes('system:serviceaccounts:n'));
    const nobody = { 'impersonate-user': 'system:anonymous' };
    refused(
      await api.ask('GET', maps, { headers: nobody }),
      403,
      'Forbidden',
      /^configmaps is forbidden: User "system:anonymous" cannot list resource "configmaps" in API group "" in the namespace "default"$/,
    );
  });

  test('a service account token names its account and dies with it', async () => {
    const accounts = '/api/v1/namespaces/default/serviceaccounts';
    await api.ask('POST', accounts, { body: { metadata: { name: 'robot' } } });
    const asked = await api.ask('POST', `${accounts}/robot/token`, { body: { spec: { expirationSeconds: 600 } } });
    assert.equal(asked.code, 201);
    const { token } = asked.body.status;
    const review = { spec: { token } };
    const known = await api.ask('POST', '/apis/authentication.k8s.io/v1/tokenreviews', { body: review });
    assert.equal(known.body.status.user.username, 'system:serviceaccount:default:robot');
    assert.equal((await api.ask('GET', '/api', { token })).code, 200);
    assert.equal((await api.ask('GET', maps, { token })).code, 403);
    const tampered = `${token.slice(0, -6)}AAAAAA`;
    assert.equal((await api.ask('GET', maps, { token: tampered })).code, 401);
    const foreign = await api.ask('POST', `${accounts}/robot/token`, { body: { spec: { audiences: ['other'] } } });
    assert.equal((await api.ask('GET', maps, { token: foreign.body.status.token })).code, 401);
    const brief = await api.ask('POST', `${accounts}/robot/token`, { body: { spec: { expirationSeconds: 10 } } });
    refused(brief, 422, 'Invalid', /may not specify a duration less than 10 minutes/);
    await api.ask('DELETE', `${accounts}/robot`);
    await api.ask('GET', maps);
    assert.equal((await api.ask('GET', maps, { token })).code, 401);
  });

  test('access reviews answer', async () => {
    const spec = { resourceAttributes: { verb: 'get', resource: 'pods', namespace: 'default' } };
    const path = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';
    assert.equal((await api.ask('POST', path, { body: { spec } })).body.status.allowed, true);
    const rules = await api.ask('POST', '/apis/authorization.k8s.io/v1/selfsubjectrulesreviews', {
      body: { spec: { namespace: 'default' } },
    });
    assert.deepEqual(rules.body.status.resourceRules[0], { verbs: ['*'], apiGroups: ['*'], resources: ['*'] });
    assert.equal(rules.body.status.incomplete, false);
  });

  test('lists are paged', async () => {
    const path = '/api/v1/namespaces';
    const first = await api.ask('GET', `${path}?limit=3`);
    assert.equal(first.body.kind, 'NamespaceList');
    assert.equal(first.body.items.length, 3);
    assert.equal(first.body.metadata.remainingItemCount, 1);
    const second = await api.ask('GET', `${path}?limit=3&continue=${first.body.metadata.continue}`);
    assert.equal(second.body.items.length, 1);
    assert.equal(second.body.metadata.resourceVersion, first.body.metadata.resourceVersion);
    assert.equal(second.body.metadata.continue, undefined);
  });

  test('lists and objects come as tables and as metadata alone', async () => {
    const { body } = await api.ask('GET', services, { headers: table });
    assert.equal(body.kind, 'Table');
    assert.deepEqual(body.columnDefinitions.map((column: { name: string }) => column.name).slice(0, 3), [
      'Name',
      'Type',
      'Cluster-IP',
    ]);
    const row = body.rows.find((item: { cells: string[] }) => item.cells[0] === 'kubernetes');
    assert.equal(row.cells[2], '10.43.0.1');
    assert.equal(row.object.kind, 'PartialObjectMetadata');
    const whole = await api.ask('GET', `${services}/kubernetes?includeObject=Object`, { headers: table });
    assert.equal(whole.body.rows[0].object.kind, 'Service');
    const accept = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1';
    const partial = await api.ask('GET', services, { headers: { accept } });
    assert.equal(partial.body.kind, 'PartialObjectMetadataList');
    assert.equal(partial.body.items[0].spec, undefined);
  });

  test('a watch streams events, the initial state told by a bookmark', async () => {
    const created = await api.ask('POST', '/api/v1/namespaces', { body: { metadata: { name: 'watched' } } });
    assert.equal(created.code, 201);
    const path = '/api/v1/namespaces/watched/configmaps';
    await api.ask('POST', path, { body: map('a') });
    const query = 'watch=1&allowWatchBookmarks=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan';
    const reader = await api.watch(`${path}?${query}`);
    assert.deepEqual([reader.code, (await reader.next()).type], [200, 'ADDED']);
    const bookmark = await reader.next();
    assert.equal(bookmark.type, 'BOOKMARK');
    assert.equal(bookmark.object.metadata.annotations['k8s.io/initial-events-end'], 'true');
    const made = await api.ask('POST', path, { body: map('b') });
    assert.deepEqual(await reader.next(), { type: 'ADDED', object: made.body });
    await api.ask('DELETE', `${path}/b`);
    const gone = await reader.next();
    assert.equal(gone.type, 'DELETED');
    assert.ok(Number(gone.object.metadata.resourceVersion) > Number(made.body.metadata.resourceVersion));
    reader.close();
    const since = await api.watch(`${path}?watch=1&resourceVersion=${made.body.metadata.resourceVersion}`);
    assert.equal((await since.next()).type, 'DELETED');
    since.close();
  });

  test('a watch with a time limit ends, after a bookmark', async () => {
    const reader = await api.watch(
      '/api/v1/namespaces/default/secrets?watch=1&allowWatchBookmarks=true&timeoutSeconds=3',
    );
    assert.equal((await reader.next()).type, 'BOOKMARK');
    assert.equal(await reader.next(), undefined);
  });

  test('a watch as tables tells the columns once', async () => {
    const reader = await api.watch(`${services}?watch=1`, table);
    const first = await reader.next();
    assert.equal(first.object.kind, 'Table');
    assert.ok(first.object.columnDefinitions.length > 0);
    await api.ask('POST', services, { body: { metadata: { name: 'rows' }, spec: { ports: [{ port: 80 }] } } });
    const second = await reader.next();
    assert.equal(second.object.columnDefinitions, null);
    assert.equal(second.object.rows[0].cells[0], 'rows');
    reader.close();
  });

  test('HTTP/2 serves requests and watches side by side on one connection', async () => {
    const session = api.http2();
    const ask = async (headers: Record<string, string>, body?: string) => {
      const stream = session.request(headers);
      stream.end(body);
      const [head] = await once(stream, 'response');
      const chunks: Buffer[] = [];
      for await (const chunk of stream) chunks.push(chunk as Buffer);
      return { code: head[':status'], body: JSON.parse(Buffer.concat(chunks).toString()) };
    };
    const watching = session.request({ ':path': `${maps}?watch=1&fieldSelector=metadata.name%3Dh2` });
    const [head] = await once(watching, 'response');
    assert.equal(head[':status'], 200);
    const answers = await Promise.all(Array.from({ length: 20 }, () => ask({ ':path': `${services}/kubernetes` })));
    assert.ok(answers.every(({ code, body }) => code === 200 && body.metadata.name === 'kubernetes'));
    const headers = { ':method': 'POST', ':path': maps, 'content-type': 'application/json' };
    const made = await ask(headers, JSON.stringify(map('h2')));
    assert.equal(made.code, 201);
    const [line] = await once(watching, 'data');
    assert.deepEqual(JSON.parse(String(line)), { type: 'ADDED', object: made.body });
    session.close();
    watching.close();
  });

  test('fields are owned by whom the request names, else by the client that sent it', async () => {
    const data = { a: '1' };
    const headers = { 'user-agent': 'tool/v1.2 (linux/amd64)' };
    const made = await api.ask('POST', maps, { body: { ...map('owned'), data }, headers });
    assert.deepEqual(
      made.body.metadata.managedFields.map((entry: object) => ({ ...entry, time: 't' })),
      [
        {
          manager: 'tool',
          operation: 'Update',
          apiVersion: 'v1',
          time: 't',
          fieldsType: 'FieldsV1',
          fieldsV1: { 'f:data': { '.': {}, 'f:a': {} } },
        },
      ],
    );
    const merge = { 'content-type': 'application/merge-patch+json' };
    const named = await api.ask('PATCH', `${maps}/owned?fieldManager=me`, {
      body: { data: { a: '2' } },
      headers: merge,
    });
    const managers = named.body.metadata.managedFields.map((entry: { manager: string }) => entry.manager);
    assert.deepEqual(managers.sort(), ['me', 'tool']);
    const protobuf = await api.ask('GET', `${maps}/owned`, {
      headers: { accept: 'application/vnd.kubernetes.protobuf' },
    });
    assert.deepEqual(decodeEnvelope(protobuf.bytes)['metadata'], named.body.metadata);
    const long = await api.ask('POST', `${maps}?fieldManager=${'x'.repeat(129)}`, { body: map('x') });
    refused(long, 422, 'Invalid', /fieldManager: Too long: may not be more than 128 bytes/);
    const odd = await api.ask('POST', `${maps}?fieldManager=a%09b`, { body: map('x') });
    refused(odd, 422, 'Invalid', /fieldManager: Invalid value: "a\\tb": invalid character U\+0009 \(at position 1\)/);
    const force = await api.ask('PATCH', `${maps}/owned?force=true`, { body: {}, headers: merge });
    refused(force, 422, 'Invalid', /force: Forbidden: may not be specified for non-apply patch/);
    const apply = { 'content-type': 'application/apply-patch+yaml' };
    const nameless = await api.ask('PATCH', `${maps}/owned`, { body: map('owned'), headers: apply });
    refused(nameless, 422, 'Invalid', /fieldManager: Required value: is required for apply patch/);
  });

  test('protobuf bodies are taken and given', async () => {
    const headers = { 'content-type': 'application/vnd.kubernetes.protobuf' };
    const deployment = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'proto', labels: { app: 'proto' } },
      spec: {
        replicas: 0,
        selector: { matchLabels: { app: 'proto' } },
        strategy: { rollingUpdate: { maxSurge: '50%', maxUnavailable: 1 } },
        template: {
          metadata: { labels: { app: 'proto' } },
          spec: {
            containers: [
              {
                name: 'c',
                image: 'app',
                resources: { limits: { cpu: '500m' } },
                livenessProbe: { httpGet: { path: '/', port: 80 }, periodSeconds: 5 },
              },
            ],
            volumes: [{ name: 'v', configMap: { name: 'm', optional: true } }],
          },
        },
      },
    };
    const body = encodeEnvelope(deployment)!;
    const made = await api.ask('POST', '/apis/apps/v1/namespaces/default/deployments', { body, headers });
    assert.equal(made.code, 201, JSON.stringify(made.body));
    const { spec } = made.body;
    assert.equal(spec.replicas, 0);
    assert.deepEqual(spec.strategy.rollingUpdate, { maxSurge: '50%', maxUnavailable: 1 });
    assert.equal(spec.template.spec.containers[0].livenessProbe.httpGet.port, 80);
    assert.equal(spec.template.spec.containers[0].livenessProbe.periodSeconds, 5);
    assert.equal(spec.template.spec.volumes[0].configMap.optional, true);
    const path = '/apis/apps/v1/namespaces/default/deployments/proto';
    const given = await api.ask('GET', path, { headers: { accept: headers['content-type'] } });
    assert.equal(given.headers['content-type'], headers['content-type']);
    assert.deepEqual(decodeEnvelope(given.bytes)['spec'], spec);
    const either = { accept: `application/json,${headers['content-type']}` };
    assert.equal((await api.ask('GET', path, { headers: either })).headers['content-type'], 'application/json');
    refused(await api.ask('POST', maps, { body: Buffer.from('nonsense'), headers }), 400, 'BadRequest', /protobuf/);
    refused(
      await api.ask('POST', maps, { body: Buffer.from('k8s\0\x12\xff\xff\xff'), headers }),
      400,
      'BadRequest',
      /integer overflow/,
    );
  });

  test('events are seen by all watchers, and all watches end when the server stops', async () => {
    const readers = await Promise.all(
      Array.from({ length: 5 }, () => api.watch(`${maps}?watch=1&labelSelector=all=1`)),
    );
    await api.ask('POST', maps, { body: map('all', { labels: { all: '1' } }) });
    for (const reader of readers) assert.equal((await reader.next()).object.metadata.name, 'all');
    await api.restart();
    for (const reader of readers) assert.equal(await reader.next(), undefined);
    assert.equal((await api.ask('GET', `${maps}/all`)).code, 200);
  });

  test('a watch from a revision that is gone tells so as an event', async () => {
    await api.restart();
    const reader = await api.watch(`${maps}?watch=1&resourceVersion=2`);
    const event = await reader.next();
    assert.deepEqual([event.type, event.object.code, event.object.reason], ['ERROR', 410, 'Expired']);
    assert.equal(await reader.next(), undefined);
  });

  test('the issuer of tokens can be discovered', async () => {
    const { body } = await api.ask('GET', '/.well-known/openid-configuration');
    assert.equal(body.issuer, 'https://kubernetes.default.svc.cluster.local');
    const keys = await api.ask('GET', '/openid/v1/jwks');
    assert.equal(keys.body.keys[0].alg, 'ES256');
    assert.equal(keys.body.keys[0].d, undefined);
  });
});
