/** The control plane's parts as `kubectl get componentstatuses` shows them. */
import assert from 'node:assert/strict';
import type { TestApi } from '../harness/api.ts';
import { makeSpace } from './server.ts';

suite('component statuses', () => {
  const path = '/api/v1/componentstatuses';
  const leases = '/apis/coordination.k8s.io/v1/namespaces/kube-system/leases';
  const warning = '299 - "v1 ComponentStatus is deprecated in v1.19+"';
  let api: TestApi;

  suiteSetup(async () => {
    ({ api } = await makeSpace('component-statuses'));
    const ok = async (name: string, renewTime: string) => {
      const spec = { holderIdentity: 'someone', leaseDurationSeconds: 3600, renewTime };
      const { code } = await api.ask('POST', leases, { body: { metadata: { name }, spec } });
      assert.equal(code, 201);
    };
    await ok('kube-scheduler', `${new Date().toISOString().slice(0, -1)}000Z`);
    await ok('kube-controller-manager', '2020-01-01T00:00:00.000000Z');
  });
  suiteTeardown(async () => {
    for (const name of ['kube-scheduler', 'kube-controller-manager']) await api.ask('DELETE', `${leases}/${name}`);
  });

  const healthy = { type: 'Healthy', status: 'True', message: 'ok' };
  const stale = {
    type: 'Healthy',
    status: 'False',
    message: 'the Lease kube-system/kube-controller-manager has not been renewed since 2020-01-01T00:00:00.000000Z',
  };

  test('are listed by what their Leases and etcd say, with a warning', async () => {
    const { code, body, headers } = await api.ask('GET', path);
    assert.deepEqual([code, headers['warning']], [200, warning]);
    assert.deepEqual(body, {
      kind: 'ComponentStatusList',
      apiVersion: 'v1',
      metadata: {},
      items: [
        { name: 'scheduler', condition: healthy },
        { name: 'controller-manager', condition: stale },
        { name: 'etcd-0', condition: healthy },
      ].map(({ name, condition }) => ({
        kind: 'ComponentStatus',
        apiVersion: 'v1',
        metadata: { name, creationTimestamp: null },
        conditions: [condition],
      })),
    });
  });

  test('are found by name, and nothing else is', async () => {
    const one = await api.ask('GET', `${path}/scheduler`);
    assert.deepEqual([one.code, one.body.metadata.name, one.body.conditions], [200, 'scheduler', [healthy]]);
    assert.equal(one.headers['warning'], warning);
    const accept = 'application/vnd.kubernetes.protobuf';
    const encoded = await api.ask('GET', `${path}/scheduler`, { headers: { accept } });
    assert.deepEqual([encoded.code, encoded.headers['content-type']], [200, accept]);
    const none = await api.ask('GET', `${path}/nothing`);
    assert.deepEqual([none.code, none.body.message], [404, 'componentstatuses "nothing" not found']);
    const chosen = await api.ask('GET', `${path}?fieldSelector=metadata.name%3Detcd-0`);
    assert.deepEqual(
      chosen.body.items.map(({ metadata }: { metadata: { name: string } }) => metadata.name),
      ['etcd-0'],
    );
  });

  test('are tables to who accepts them', async () => {
    const headers = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json' };
    for (const at of [path, `${path}/controller-manager`]) {
      const { body } = await api.ask('GET', at, { headers });
      assert.deepEqual(
        body.columnDefinitions.map(({ name }: { name: string }) => name),
        ['Name', 'Status', 'Message', 'Error'],
      );
      const cells = body.rows.map((row: { cells: string[] }) => row.cells);
      assert.deepEqual(cells.at(at === path ? 1 : 0), ['controller-manager', 'Unhealthy', stale.message, '']);
    }
  });

  test('can only be read', async () => {
    for (const [method, at] of [
      ['POST', path],
      ['PUT', `${path}/scheduler`],
      ['PATCH', `${path}/scheduler`],
      ['DELETE', `${path}/scheduler`],
      ['GET', `${path}?watch=1`],
    ] as const) {
      const body = method === 'GET' ? {} : { body: { metadata: { name: 'scheduler' } } };
      assert.equal((await api.ask(method, at, body)).code, 405, `${method} ${at}`);
    }
    assert.equal((await api.ask('GET', path, { token: 'file-token' })).code, 403);
  });
});
