/** ValidatingAdmissionPolicies: expressions that judge what is written, by bindings and their parameters. Words and codes are upstream's. */
import assert from 'node:assert/strict';
import type { Answer, TestApi } from '../harness/api.ts';
import { makeSpace } from './server.ts';
import type { Space } from './server.ts';

const base = '/apis/admissionregistration.k8s.io/v1';

suite('validating admission policies', () => {
  let space: Space;
  let api: TestApi;
  suiteSetup(async () => {
    space = await makeSpace('ruled-by-policy');
    ({ api } = space);
  });
  teardown(async () => {
    await api.ask('DELETE', `${base}/validatingadmissionpolicybindings`);
    await api.ask('DELETE', `${base}/validatingadmissionpolicies`);
  });

  const ok = ({ code, body }: Answer) => {
    assert.ok(code < 300, body.message);
    return body;
  };
  const matchConstraints = {
    namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'ruled-by-policy' } },
    resourceRules: [
      { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE', 'UPDATE', 'DELETE'], resources: ['configmaps'] },
    ],
  };
  async function policy(spec: object, binding: object = {}): Promise<void> {
    ok(
      await api.ask('POST', `${base}/validatingadmissionpolicies`, {
        body: { metadata: { name: 'rules' }, spec: { matchConstraints, ...spec } },
      }),
    );
    ok(
      await api.ask('POST', `${base}/validatingadmissionpolicybindings`, {
        body: { metadata: { name: 'here' }, spec: { policyName: 'rules', validationActions: ['Deny'], ...binding } },
      }),
    );
  }
  const create = (name: string, data: object = {}, labels: object = {}) =>
    api.ask('POST', `${space.path}/configmaps`, { body: { metadata: { name, labels }, data } });
  const denied = (name: string, because: string) =>
    `configmaps "${name}" is forbidden: ValidatingAdmissionPolicy 'rules' with binding 'here' denied request: ${because}`;

  test('refuse what their expressions do not hold of, in the words that they name', async () => {
    await policy({
      variables: [
        { name: 'size', expression: 'has(object.data) ? object.data.size() : 0' },
        { name: 'double', expression: 'variables.size * 2' },
      ],
      matchConditions: [{ name: 'kept', expression: 'request.operation != "DELETE"' }],
      validations: [
        { expression: 'variables.size < 3', messageExpression: '"has " + string(variables.double) + " halves"' },
        { expression: '!object.metadata.name.startsWith("bad")', message: 'bad name', reason: 'Forbidden' },
        { expression: 'oldObject == null || object.data == oldObject.data' },
      ],
    });
    const many = await create('many', { a: '1', b: '2', c: '3' });
    assert.deepEqual(
      [many.code, many.body.reason, many.body.message],
      [422, 'Invalid', denied('many', 'has 6 halves')],
    );
    const bad = await create('bad-one');
    assert.deepEqual([bad.code, bad.body.reason, bad.body.message], [403, 'Forbidden', denied('bad-one', 'bad name')]);
    ok(await create('good', { a: '1' }));
    ok(await space.patch(`${space.path}/configmaps/good`, { metadata: { labels: { a: 'b' } } }));
    const changed = await space.patch(`${space.path}/configmaps/good`, { data: { a: '2' } });
    assert.equal(
      changed.body.message,
      denied('good', 'failed expression: oldObject == null || object.data == oldObject.data'),
    );
    ok(await api.ask('DELETE', `${space.path}/configmaps/good`));
    await api.ask('DELETE', `${base}/validatingadmissionpolicybindings/here`);
    ok(await create('bad-two'));
  });

  test('only warn where a binding says so', async () => {
    await policy(
      { validations: [{ expression: 'false', message: 'never' }] },
      { validationActions: ['Warn', 'Audit'] },
    );
    const warned = await create('warned');
    assert.equal(warned.code, 201);
    assert.match(
      String(warned.headers['warning']),
      /Validation failed for ValidatingAdmissionPolicy 'rules' with binding 'here': never/,
    );
  });

  test('take parameters from objects of any kind', async () => {
    ok(await create('params', { most: '2' }, { holds: 'params' }));
    const paramKind = { apiVersion: 'v1', kind: 'ConfigMap' };
    const validations = [
      { expression: 'object == null || !has(object.data) || object.data.size() <= int(params.data.most)' },
    ];
    await policy({ paramKind, validations }, { paramRef: { name: 'params', parameterNotFoundAction: 'Deny' } });
    ok(await create('two', { a: '1', b: '2' }));
    assert.equal((await create('three', { a: '1', b: '2', c: '3' })).code, 422);
    await api.ask('DELETE', `${space.path}/configmaps/params`);
    assert.match((await create('four')).body.message, /no params found for policy binding with `Deny`/);
    await space.patch(`${base}/validatingadmissionpolicybindings/here`, {
      spec: { paramRef: { name: 'params', parameterNotFoundAction: 'Allow' } },
    });
    ok(await create('four'));
  });

  test('know of rights, of the namespace, and fail or pass over what cannot be evaluated', async () => {
    await policy({
      validations: [
        {
          expression:
            'authorizer.group("").resource("secrets").namespace(request.namespace).check("get").allowed() && !authorizer.serviceAccount("default", "nobody").group("").resource("secrets").check("get").allowed()',
        },
        { expression: 'namespaceObject.metadata.name == "ruled-by-policy"' },
        { expression: 'object == null || object.data.missing == "x"' },
      ],
    });
    const failed = await create('failed');
    assert.match(
      failed.body.message,
      /denied request: expression 'object == null \|\| object.data.missing == "x"' resulted in error: no such key: (data|missing)$/,
    );
    await space.patch(`${base}/validatingadmissionpolicies/rules`, { spec: { failurePolicy: 'Ignore' } });
    ok(await create('failed'));
  });

  test('whose expressions cannot be read are refused', async () => {
    const answer = await api.ask('POST', `${base}/validatingadmissionpolicies`, {
      body: { metadata: { name: 'broken' }, spec: { matchConstraints, validations: [{ expression: 'object.' }] } },
    });
    assert.equal(answer.code, 422);
    assert.match(
      answer.body.message,
      /spec.validations\[0\].expression: Invalid value: "object.": compilation failed: /,
    );
  });
});
