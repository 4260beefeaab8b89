/** What clients are told, word for word: codes, Statuses, headers. */
import assert from 'node:assert/strict';
import type { Answer, TestApi } from '../harness/api.ts';
import { makeSpace } from './server.ts';
import type { Space } from './server.ts';

suite('answers', () => {
  let space: Space;
  let api: TestApi;
  suiteSetup(async () => {
    space = await makeSpace('answers');
    ({ api } = space);
  });

  const status = ({ code, body }: Answer) => ({
    code,
    reason: body.reason,
    message: body.message,
    details: body.details,
  });
  const maps = (rest = '') => `${space.path}/configmaps${rest}`;
  const post = (body: unknown, query = '') => api.ask('POST', maps(query), { body });

  test('every answer is named, and none is to be kept', async () => {
    const { headers } = await api.ask('GET', maps());
    assert.match(String(headers['audit-id']), /^[0-9a-f-]{36}$/);
    assert.equal(headers['cache-control'], 'no-cache, private');
    const named = await api.ask('GET', maps('/none'), { headers: { 'audit-id': 'mine-1' } });
    assert.equal(named.headers['audit-id'], 'mine-1');
  });

  test('a name that is taken', async () => {
    await space.configMap('taken');
    assert.deepEqual(status(await space.configMap('taken')), {
      code: 409,
      reason: 'AlreadyExists',
      message: 'configmaps "taken" already exists',
      details: { name: 'taken', kind: 'configmaps' },
    });
  });

  test('what is not there', async () => {
    assert.deepEqual(status(await api.ask('GET', '/apis/apps/v1/namespaces/answers/deployments/none')), {
      code: 404,
      reason: 'NotFound',
      message: 'deployments.apps "none" not found',
      details: { name: 'none', group: 'apps', kind: 'deployments' },
    });
    for (const path of ['/api/v1/none', '/apis/apps/v1/none', '/apis/apps/v2', '/api/v1/namespaces/answers/none/a']) {
      assert.deepEqual(status(await api.ask('GET', path)), {
        code: 404,
        reason: 'NotFound',
        message: 'the server could not find the requested resource',
        details: {},
      });
    }
    for (const path of ['/none', '/apis/none', '/apis/none/v1', '/apis/none/v1/none', '/healthz/none', '/healthz/']) {
      const { code, headers, bytes } = await api.ask('GET', path);
      assert.deepEqual([code, bytes.toString()], [404, '404 page not found\n'], path);
      assert.equal(headers['content-type'], 'text/plain; charset=utf-8');
    }
  });

  test('a name that nothing can have', async () => {
    const { code, body } = await api.ask('GET', maps('/a%25b'));
    assert.deepEqual([code, body.message], [400, `Name parameter invalid: "a%b": may not contain '%'`]);
    assert.equal((await api.ask('DELETE', maps('/a%25b'))).code, 400);
  });

  test('methods that a path does not know', async () => {
    await space.configMap('there');
    const asked: [string, string][] = [
      ['POST', '/api/v1/configmaps'],
      ['DELETE', '/api/v1/configmaps'],
      ['DELETE', '/api/v1/namespaces'],
      ['PUT', maps()],
      ['POST', maps('/there')],
    ];
    for (const [method, path] of asked) {
      assert.deepEqual(status(await api.ask(method, path, { body: {} })), {
        code: 405,
        reason: 'MethodNotAllowed',
        message: 'the server does not allow this method on the requested resource',
        details: {},
      });
    }
    assert.equal((await api.ask('GET', maps('/there'))).code, 200);
  });

  test('bodies that cannot be read', async () => {
    const unread = 'the object provided is unrecognized (must be of type ConfigMap): ';
    assert.equal(
      (await post('')).body.message,
      `${unread}couldn't get version/kind; json parse error: unexpected end of JSON input (<empty>)`,
    );
    assert.equal((await post('{')).code, 400);
    assert.equal(
      (await post({ metadata: { name: 'a' }, data: { a: 1 } })).body.message,
      'ConfigMap in version "v1" cannot be handled as a ConfigMap: json: cannot unmarshal number into Go struct field ConfigMap.data.a of type string',
    );
    const text = await api.ask('POST', maps(), { body: 'x', headers: { 'content-type': 'text/plain' } });
    assert.equal(text.code, 415);
    assert.equal(
      text.body.message,
      'the body of the request was in an unknown format - accepted media types include: application/json, application/yaml, application/vnd.kubernetes.protobuf',
    );
  });

  test('fields that are unknown or given twice are refused, told, or let be', async () => {
    const body = '{"metadata":{"name":"twice"},"data":{"a":"1","a":"2"},"more":1}';
    const strict = await post(body, '?fieldValidation=Strict');
    assert.equal(strict.code, 400);
    assert.equal(
      strict.body.message,
      'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: duplicate field "data.a", unknown field "more"',
    );
    const warned = await post(body);
    assert.equal(warned.code, 201);
    assert.equal(warned.headers['warning'], '299 - "duplicate field \\"data.a\\"", 299 - "unknown field \\"more\\""');
    assert.deepEqual(warned.body.data, { a: '2' });
    const ignored = await post(body.replace('twice', 'thrice'), '?fieldValidation=Ignore');
    assert.equal(ignored.headers['warning'], undefined);
  });

  test('objects that are not valid, with a cause for each fault', async () => {
    const { code, body } = await post({ metadata: { name: 'A', labels: { 'a b': 'c' } } });
    assert.equal(code, 422);
    assert.match(
      body.message,
      /^ConfigMap "A" is invalid: \[metadata\.name: Invalid value: "A": a lowercase RFC 1123 subdomain/,
    );
    assert.deepEqual(
      body.details.causes.map(({ reason, field }: Record<string, string>) => [reason, field]),
      [
        ['FieldValueInvalid', 'metadata.name'],
        ['FieldValueInvalid', 'metadata.labels'],
      ],
    );
    assert.equal(
      (await post({ metadata: {} })).body.message,
      'ConfigMap "" is invalid: metadata.name: Required value: name or generateName is required',
    );
  });

  test('options that are not valid', async () => {
    assert.equal(
      (await post({ metadata: { name: 'o' } }, '?dryRun=Some')).body.message,
      'CreateOptions.meta.k8s.io "" is invalid: dryRun: Unsupported value: []string{"Some"}: supported values: "All"',
    );
    const deletion = await api.ask('DELETE', maps('/taken'), { body: { propagationPolicy: 'Later' } });
    assert.equal(deletion.code, 422);
    for (const body of ['[]', '"x"', '{"gracePeriodSeconds":"x"}', '{']) {
      assert.equal((await api.ask('DELETE', maps('/taken'), { body })).code, 400, body);
    }
  });

  test('writes against another version than the present', async () => {
    await space.configMap('old');
    const conflict = {
      code: 409,
      reason: 'Conflict',
      message:
        'Operation cannot be fulfilled on configmaps "old": the object has been modified; please apply your changes to the latest version and try again',
      details: { name: 'old', kind: 'configmaps' },
    };
    const metadata = { name: 'old', resourceVersion: '1' };
    assert.deepEqual(status(await api.ask('PUT', maps('/old'), { body: { metadata } })), conflict);
    assert.deepEqual(status(await space.patch(maps('/old'), { metadata })), conflict);
    const uid = await api.ask('DELETE', maps('/old'), { body: { preconditions: { uid: 'x' } } });
    assert.match(uid.body.message, /the UID in the precondition \(x\) does not match the UID in record/);
  });

  test('an update creates the kinds that upstream lets it create', async () => {
    const body = { metadata: { name: 'put' }, spec: {} };
    const lease = (uid?: string) =>
      api.ask('PUT', '/apis/coordination.k8s.io/v1/namespaces/answers/leases/put', {
        body: { ...body, metadata: { ...body.metadata, ...(uid !== undefined && { uid }) } },
      });
    assert.equal((await lease('of-another')).code, 409);
    const created = await lease();
    assert.equal(created.code, 201);
    assert.ok(created.body.metadata.uid);
    assert.equal((await api.ask('PUT', maps('/put'), { body: { metadata: { name: 'put' } } })).code, 404);
  });

  test('patches that are no patches, and patches that do not fit', async () => {
    await space.configMap('patched');
    const path = maps('/patched');
    const json = 'application/json-patch+json';
    assert.deepEqual(status(await space.patch(path, [{ op: 'remove', path: '/data/x' }], json)), {
      code: 422,
      reason: 'Invalid',
      message: 'the server rejected our request due to an error in our request',
      details: {},
    });
    assert.match((await space.patch(path, '{')).body.message, /^error decoding patch: /);
    const unknown = await space.patch(path, {}, 'application/json');
    assert.equal(unknown.code, 415);
    assert.equal(
      unknown.body.message,
      'the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/strategic-merge-patch+json, application/apply-patch+yaml',
    );
  });

  test('an answer in a form that the client does not take', async () => {
    const { code, body } = await api.ask('GET', maps(), { headers: { accept: 'text/plain' } });
    assert.equal(code, 406);
    assert.equal(
      body.message,
      'only the following media types are accepted: application/json, application/yaml, application/vnd.kubernetes.protobuf',
    );
  });

  test('what is not kept is not shown as a table', async () => {
    const table = 'application/json;as=Table;v=v1;g=meta.k8s.io';
    const ask = (path: string, accept: string, body: object) => api.ask('POST', path, { headers: { accept }, body });
    const reviews = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';
    const review = { spec: { nonResourceAttributes: { verb: 'get', path: '/' } } };
    for (const [path, body] of [
      [reviews, review],
      ['/apis/authentication.k8s.io/v1/selfsubjectreviews', {}],
      [`${space.path}/serviceaccounts/default/token`, { spec: {} }],
    ] as const) {
      const refused = await ask(path, table, body);
      assert.deepEqual([refused.code, refused.body.reason], [406, 'NotAcceptable'], path);
      assert.notEqual((await ask(path, `${table},application/json`, body)).body.kind, 'Table', path);
    }
    assert.equal((await ask(maps(), table, { metadata: { name: 'shown' } })).body.kind, 'Table');
  });

  test('a review of oneself is dated', async () => {
    const { body } = await api.ask('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', { body: {} });
    assert.ok(Math.abs(Date.parse(body.metadata.creationTimestamp) - Date.now()) < 60_000);
  });

  test('a deletion answers with a Status, or with the object where upstream does', async () => {
    const { body: map } = await space.configMap('gone');
    assert.deepEqual((await api.ask('DELETE', maps('/gone'))).body, {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Success',
      details: { name: 'gone', kind: 'configmaps', uid: map.metadata.uid },
    });
    const service = { metadata: { name: 's' }, spec: { ports: [{ port: 80 }] } };
    await api.ask('POST', `${space.path}/services`, { body: service });
    assert.equal((await api.ask('DELETE', `${space.path}/services/s`)).body.kind, 'Service');
  });

  test('a status is written by its subresource alone, and all else by the object alone', async () => {
    const path = `${space.path}/pods/p`;
    const spec = { containers: [{ name: 'c', image: 'i' }] };
    const created = await api.ask('POST', `${space.path}/pods`, {
      body: { metadata: { name: 'p' }, spec, status: { phase: 'Running' } },
    });
    assert.equal(created.body.status.phase, 'Pending');
    assert.equal((await space.patch(path, { status: { phase: 'Running' } })).body.status.phase, 'Pending');
    const { body } = await space.patch(`${path}/status`, {
      spec: { containers: [{ name: 'c', image: 'other' }] },
      status: { phase: 'Running' },
    });
    assert.deepEqual([body.status.phase, body.spec.containers[0].image], ['Running', 'i']);
  });
});
