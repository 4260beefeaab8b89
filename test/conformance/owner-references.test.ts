/** Who may say what owns an object, at a server that asks (OwnerReferencesPermissionEnforcement). Words and codes are upstream's. */
import assert from 'node:assert/strict';
import type { Answer, TestApi } from '../harness/api.ts';
import { eventually, operatedApi } from './operated.ts';
import { spaceIn } from './server.ts';
import type { Space } from './server.ts';

suite('naming owners', () => {
  const user = 'owners-tester';
  const rbac = '/apis/rbac.authorization.k8s.io/v1/namespaces/owners';
  let api: TestApi;
  let space: Space;
  let maps: string;
  let uid: string;
  suiteSetup(async () => {
    api = await operatedApi();
    space = await spaceIn(api, 'owners');
    maps = `${space.path}/configmaps`;
    ({ uid } = (await space.configMap('owner')).body.metadata);
    await grant('writer', ['get', 'create', 'patch'], 'configmaps');
    await eventually('the user writes', async () => (await make('plain', undefined)).code !== 403);
  });

  const grant = async (name: string, verbs: string[], resource: string) => {
    const role = { metadata: { name }, rules: [{ verbs, apiGroups: [''], resources: [resource] }] };
    const binding = {
      metadata: { name },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: user }],
    };
    assert.equal((await api.ask('POST', `${rbac}/roles`, { body: role })).code, 201);
    assert.equal((await api.ask('POST', `${rbac}/rolebindings`, { body: binding })).code, 201);
  };
  const headers = { 'impersonate-user': user };
  const owner = (more: object = {}) => ({ apiVersion: 'v1', kind: 'ConfigMap', name: 'owner', uid, ...more });
  const make = (name: string, reference: object | undefined) =>
    api.ask('POST', maps, {
      headers,
      body: { metadata: { name, ...(reference && { ownerReferences: [reference] }) } },
    });
  const told = ({ code, body }: Answer) => [code, code < 300 ? '' : body.message];
  const refused = (name: string, because: string) => [403, `configmaps "${name}" is forbidden: ${because}`];

  test('takes the right to delete what is owned, and to finalize the owner that is held back', async () => {
    const undeletable = "cannot set an ownerRef on a resource you can't delete: , <nil>";
    assert.deepEqual(told(await make('one', owner())), refused('one', undeletable));
    const patch = {
      headers: { ...headers, 'content-type': 'application/merge-patch+json' },
      body: { metadata: { ownerReferences: [owner()] } },
    };
    assert.deepEqual(told(await api.ask('PATCH', `${maps}/plain`, patch)), refused('plain', undeletable));
    // Who changes nothing of the owners need not have the right.
    assert.equal((await api.ask('PATCH', `${maps}/plain`, { ...patch, body: { data: { a: 'b' } } })).code, 200);

    await grant('deleter', ['delete'], 'configmaps');
    await eventually('owners may be named', async () => (await make('one', owner())).code === 201);
    const blocking = owner({ blockOwnerDeletion: true });
    assert.deepEqual(
      told(await make('two', blocking)),
      refused(
        'two',
        "cannot set blockOwnerDeletion if an ownerReference refers to a resource you can't set finalizers on: , <nil>",
      ),
    );
    assert.deepEqual(
      told(await make('two', owner({ kind: 'None', blockOwnerDeletion: true }))),
      refused(
        'two',
        'cannot set blockOwnerDeletion in this case because cannot find RESTMapping for APIVersion v1 Kind None: no matches for kind "None" in version "v1"',
      ),
    );
    await grant('finalizer', ['update'], 'configmaps/finalizers');
    await eventually('owners may be held back', async () => (await make('two', blocking)).code === 201);
  });
});
