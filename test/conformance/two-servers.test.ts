import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from '#lib/client/connect.ts';
import { makeRealEnv } from '#lib/env/real.ts';
import { endpoints } from '#lib/kinds/endpoints.ts';
import { service } from '#lib/kinds/service.ts';
import { start } from '../../apiserver/start.ts';
import type { ApiServer } from '../../apiserver/start.ts';
import { configBeside, makeApiFiles } from '../harness/api.ts';
import type { TestApi } from '../harness/api.ts';
import { startEtcd } from '../harness/etcd.ts';
import { makeSpace } from './server.ts';
import type { Space } from './server.ts';

suite('two servers over one etcd', () => {
  let space: Space;
  let api: TestApi;
  let second: ApiServer | undefined;
  let url: string;

  suiteSetup(async () => {
    space = await makeSpace('two-servers');
    ({ api } = space);
    const config = configBeside(api, 'second', '10.99.0.2');
    second = await start(config, makeRealEnv({ service: 'second' }));
    url = `https://127.0.0.1:${second.address.port}`;
  });

  suiteTeardown(() => second?.stop());

  const maps = (rest = '') => `${space.path}/configmaps${rest}`;

  test('what is written to one is read from the other, and its watchers hear of it', async () => {
    const { body: list } = await api.ask('GET', maps());
    const watch = await api.watch(maps(`?watch=1&resourceVersion=${list.metadata.resourceVersion}`));
    const made = await api.ask('POST', maps(), { url, body: { metadata: { name: 'shared' } } });
    assert.equal(made.code, 201);
    // A read without a version is of the latest, whichever server is asked.
    const read = await api.ask('GET', maps('/shared'));
    assert.deepEqual(read.body, made.body);
    const { type, object } = await watch.next();
    assert.deepEqual([type, object], ['ADDED', made.body]);
    watch.close();
    // A version of one is a version of the other.
    const { resourceVersion } = made.body.metadata;
    const stale = await api.ask('PUT', maps('/shared'), { body: { ...made.body, data: { a: '1' } } });
    assert.equal(stale.code, 200);
    const late = await api.ask('PUT', maps('/shared'), { url, body: { ...made.body, data: { a: '2' } } });
    assert.equal(late.code, 409);
    const since = await api.ask('GET', maps(`?resourceVersion=${resourceVersion}&resourceVersionMatch=NotOlderThan`), {
      url,
    });
    assert.ok(since.body.items.some((item: { metadata: { name: string } }) => item.metadata.name === 'shared'));
  });

  test('a page that one began the other goes on with', async () => {
    await Promise.all(['p1', 'p2', 'p3'].map((name) => space.configMap(name)));
    const first = await api.ask('GET', maps('?limit=2'));
    const rest = await api.ask('GET', maps(`?continue=${first.body.metadata.continue}`), { url });
    assert.equal(rest.code, 200);
    assert.equal(rest.body.metadata.resourceVersion, first.body.metadata.resourceVersion);
    const whole = await api.ask('GET', maps());
    assert.equal(first.body.items.length + rest.body.items.length, whole.body.items.length);
  });

  test('a token of one is good for the other', async () => {
    const path = `${space.path}/serviceaccounts/default/token`;
    const asked = await api.ask('POST', path, { body: { spec: { expirationSeconds: 600 } } });
    const review = await api.ask('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', {
      url,
      token: asked.body.status.token,
      body: {},
    });
    assert.equal(review.body.status.userInfo.username, 'system:serviceaccount:two-servers:default');
  });

  test('rights given at one hold at the other', async () => {
    const role = {
      metadata: { name: 'reader' },
      rules: [{ verbs: ['list'], apiGroups: [''], resources: ['configmaps'] }],
    };
    const group = '/apis/rbac.authorization.k8s.io/v1/namespaces/two-servers';
    await api.ask('POST', `${group}/roles`, { url, body: role });
    const binding = {
      metadata: { name: 'reader' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'reader' },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'bob' }],
    };
    await api.ask('POST', `${group}/rolebindings`, { url, body: binding });
    const deadline = Date.now() + 5000;
    while ((await api.ask('GET', maps(), { token: 'file-token' })).code !== 200)
      assert.ok(Date.now() < deadline, 'the right did not arrive');
  });

  test('no address and no port is given twice', async () => {
    const serviceNamed = (name: string) => ({
      metadata: { name },
      spec: { type: 'NodePort', ports: [{ port: 80 }], selector: { app: 'x' } },
    });
    const made = await Promise.all(
      Array.from({ length: 40 }, (_, i) =>
        api.ask('POST', `${space.path}/services`, { body: serviceNamed(`s${i}`), ...(i % 2 === 1 && { url }) }),
      ),
    );
    assert.deepEqual(new Set(made.map(({ code }) => code)), new Set([201]));
    assert.equal(new Set(made.map(({ body }) => body.spec.clusterIP)).size, 40);
    assert.equal(new Set(made.map(({ body }) => body.spec.ports[0].nodePort)).size, 40);
    await Promise.all(made.map(({ body }) => api.ask('DELETE', `${space.path}/services/${body.metadata.name}`)));
  });

  /** The addresses that the `kubernetes` Service leads to, from its Endpoints and its EndpointSlice. */
  async function addresses(): Promise<[string[], string[]]> {
    const endpoints = await api.ask('GET', '/api/v1/namespaces/default/endpoints/kubernetes');
    const slice = await api.ask('GET', '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes');
    return [
      endpoints.body.subsets.flatMap((subset: { addresses: { ip: string }[] }) => subset.addresses.map(({ ip }) => ip)),
      slice.body.endpoints.flatMap((endpoint: { addresses: string[] }) => endpoint.addresses),
    ];
  }

  async function untilAddresses(wanted: string[]): Promise<void> {
    const deadline = Date.now() + 15_000;
    for (;;) {
      const found = await addresses();
      if (found.every((list) => list.join() === wanted.join())) return;
      assert.ok(Date.now() < deadline, `the addresses are ${JSON.stringify(found)}`);
      await sleep(50);
    }
  }

  test('both are endpoints of the kubernetes Service, until one stops', async () => {
    await untilAddresses(['10.99.0.1', '10.99.0.2']);
    const stopping = second!;
    second = undefined;
    await stopping.stop();
    await untilAddresses(['10.99.0.1']);
  });
});

suite('servers that start at once over an empty etcd', () => {
  test('agree on what every cluster has', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'wherry-at-once-'));
    const etcd = await startEtcd();
    const servers: ApiServer[] = [];
    try {
      const { config } = await makeApiFiles(folder, etcd.endpoint);
      const hosts = ['10.99.1.1', '10.99.1.2', '10.99.1.3'];
      const begun = await Promise.allSettled(
        hosts.map((host) =>
          start(
            { ...config, grpc: { socket: join(folder, `${host}.sock`) }, advertise: { host, port: 6443 } },
            makeRealEnv({ service: host }),
          ),
        ),
      );
      for (const one of begun) if (one.status === 'fulfilled') servers.push(one.value);
      for (const one of begun) assert.equal(one.status, 'fulfilled', String((one as PromiseRejectedResult).reason));
      const client = connect({ address: `unix:${join(folder, '10.99.1.1.sock')}` }, makeRealEnv({ service: 'test' }));
      const kubernetes = { namespace: 'default', name: 'kubernetes' };
      const { spec } = await client.get(service, kubernetes);
      assert.equal(spec.clusterIP, '10.43.0.1');
      const listed = async () => {
        const { subsets = [] } = await client.get(endpoints, kubernetes);
        return subsets.flatMap(({ addresses = [] }) => addresses.map(({ ip }) => ip));
      };
      const deadline = Date.now() + 15_000;
      while ((await listed()).join() !== hosts.join()) {
        assert.ok(Date.now() < deadline, `listed are ${(await listed()).join()}`);
        await sleep(50);
      }
      client.close();
    } finally {
      await Promise.all(servers.map((server) => server.stop()));
      await etcd.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
