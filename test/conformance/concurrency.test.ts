/** What many do at once: nothing that was acknowledged is lost, nothing that is scarce is given twice. Two servers over one etcd. */
import assert from 'node:assert/strict';
import { Etcd3 } from 'etcd3';
import { makeRealEnv } from '#lib/env/real.ts';
import { start } from '../../apiserver/start.ts';
import type { ApiServer } from '../../apiserver/start.ts';
import { configBeside, startTestApi } from '../harness/api.ts';
import type { Answer, TestApi } from '../harness/api.ts';
import { spaceIn } from './server.ts';
import type { Space } from './server.ts';

/** Addresses that the servers have to give; the first is the API's own. */
const addressCount = 62;
const portCount = 20;

suite('at once', function () {
  this.timeout(60_000);
  let space: Space;
  let api: TestApi;
  let second: ApiServer | undefined;
  let url: string;

  const startSecond = async () => {
    const config = configBeside(api, 'second', '10.99.0.2');
    second = await start(config, makeRealEnv({ service: 'second' }));
    url = `https://127.0.0.1:${second.address.port}`;
  };

  suiteSetup(async () => {
    api = await startTestApi((config) => {
      config.serviceCidr = '10.43.0.0/26';
      config.nodePortRange = `30000-${30_000 + portCount - 1}`;
    });
    await startSecond();
    space = await spaceIn(api, 'at-once');
  });
  suiteTeardown(async () => {
    await second?.stop();
    await api.stop();
  });

  /** Asks one server or the other in turn. */
  const ask = (i: number, method: string, path: string, options: object = {}): Promise<Answer> =>
    api.ask(method, space.path + path, { ...options, ...(i % 2 === 1 && { url }) });
  const times = <T>(count: number, run: (i: number) => Promise<T>) =>
    Promise.all(Array.from({ length: count }, (_, i) => run(i)));
  const json = (type: string) => ({ 'content-type': `application/${type}+json` });

  test('of 200 creations a quota of 100 lets exactly 100 through', async () => {
    const hard = { pods: '100' };
    await ask(0, 'POST', '/resourcequotas', { body: { metadata: { name: 'q' }, spec: { hard } } });
    const counted = { status: { hard, used: { pods: '0' } } };
    await ask(0, 'PATCH', '/resourcequotas/q/status', { body: counted, headers: json('merge-patch') });
    const outcomes = await times(200, (i) =>
      ask(i, 'POST', '/pods', {
        body: { metadata: { name: `p${i}` }, spec: { containers: [{ name: 'c', image: 'i' }] } },
      }),
    );
    assert.equal(outcomes.filter(({ code }) => code === 201).length, 100);
    const refused = outcomes.filter(({ code }) => code !== 201);
    for (const { code, body } of refused) {
      assert.equal(code, 403);
      assert.match(
        body.message,
        /^pods "p\d+" is forbidden: exceeded quota: q, requested: pods=1, used: pods=100, limited: pods=100$/,
      );
    }
    const { body: pods } = await ask(1, 'GET', '/pods');
    assert.equal(pods.items.length, 100);
    assert.deepEqual((await ask(1, 'GET', '/resourcequotas/q')).body.status.used, { pods: '100' });
    await ask(0, 'DELETE', '/resourcequotas/q');
    await ask(0, 'DELETE', '/pods');
  });

  test('50 clients count on one object by reading and replacing it, and none is lost', async () => {
    await space.configMap('counter', {});
    await times(50, async (i) => {
      for (let attempt = 0; ; attempt++) {
        assert.ok(attempt < 500, 'a client never got through');
        const { body } = await ask(i, 'GET', '/configmaps/counter');
        const count = Number(body.data?.count ?? 0) + 1;
        const next = { ...body, data: { count: String(count) } };
        const { code } = await ask(i, 'PUT', '/configmaps/counter', { body: next });
        if (code === 200) return;
        assert.equal(code, 409);
      }
    });
    assert.deepEqual((await ask(1, 'GET', '/configmaps/counter')).body.data, { count: '50' });
  });

  test('50 clients patch one object without looking, by every kind of patch, and none is refused', async () => {
    await space.configMap('patched', {});
    await space.patch(`${space.path}/configmaps/patched`, { data: { first: '1' } });
    const outcomes = await times(50, (i) => {
      const name = `k${i}`;
      const [body, headers] = [
        [{ data: { [name]: '1' } }, json('merge-patch')],
        [{ data: { [name]: '1' } }, json('strategic-merge-patch')],
        [[{ op: 'add', path: `/data/${name}`, value: '1' }], json('json-patch')],
        [
          { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'patched' }, data: { [name]: '1' } },
          { 'content-type': 'application/apply-patch+yaml' },
        ],
      ][i % 4]! as [object, Record<string, string>];
      return ask(i >> 2, 'PATCH', `/configmaps/patched?fieldManager=m${i}`, { body, headers });
    });
    assert.deepEqual(new Set(outcomes.map(({ code }) => code)), new Set([200]));
    const { body } = await ask(1, 'GET', '/configmaps/patched');
    assert.equal(Object.keys(body.data).length, 51);
  });

  test('a test in a JSON patch lets one of many through', async () => {
    await space.configMap('taken', {});
    await space.patch(`${space.path}/configmaps/taken`, { data: { by: 'none' } });
    const outcomes = await times(20, (i) =>
      ask(i, 'PATCH', '/configmaps/taken', {
        body: [
          { op: 'test', path: '/data/by', value: 'none' },
          { op: 'replace', path: '/data/by', value: `c${i}` },
        ],
        headers: json('json-patch'),
      }),
    );
    const winners = outcomes.flatMap(({ code }, i) => (code === 200 ? [`c${i}`] : []));
    assert.equal(winners.length, 1);
    assert.equal((await ask(1, 'GET', '/configmaps/taken')).body.data.by, winners[0]);
  });

  test('of many that create, update to create, or apply one name, one creates', async () => {
    const path = '/apis/coordination.k8s.io/v1/namespaces/at-once/leases';
    const codes = (outcomes: Answer[]) => outcomes.map(({ code }) => code).filter((code) => code === 201).length;
    const posts = await times(20, (i) => ask(i, 'POST', '/configmaps', { body: { metadata: { name: 'one' } } }));
    assert.equal(codes(posts), 1);
    assert.ok(posts.every(({ code }) => code === 201 || code === 409));
    const puts = await times(20, (i) =>
      api.ask('PUT', `${path}/one`, { body: { metadata: { name: 'one' } }, ...(i % 2 === 1 && { url }) }),
    );
    assert.equal(codes(puts), 1);
    const applies = await times(20, (i) =>
      ask(i, 'PATCH', `/configmaps/applied?fieldManager=m${i}`, {
        body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'applied' }, data: { [`k${i}`]: '1' } },
        headers: { 'content-type': 'application/apply-patch+yaml' },
      }),
    );
    assert.equal(codes(applies), 1);
    assert.ok(applies.every(({ code }) => code < 300));
    assert.equal(Object.keys((await ask(1, 'GET', '/configmaps/applied')).body.data).length, 20);
  });

  test('one of many deletions removes, and one of many bindings binds', async () => {
    await space.configMap('gone');
    const deletions = await times(20, (i) => ask(i, 'DELETE', '/configmaps/gone'));
    assert.equal(deletions.filter(({ code }) => code === 200).length, 1);
    await ask(0, 'POST', '/pods', {
      body: { metadata: { name: 'bound' }, spec: { containers: [{ name: 'c', image: 'i' }] } },
    });
    const bindings = await times(20, (i) =>
      ask(i, 'POST', '/pods/bound/binding', { body: { metadata: { name: 'bound' }, target: { name: `n${i}` } } }),
    );
    const bound = bindings.flatMap(({ code }, i) => (code === 201 ? [`n${i}`] : []));
    assert.equal(bound.length, 1);
    assert.equal((await ask(1, 'GET', '/pods/bound')).body.spec.nodeName, bound[0]);
  });

  suite('addresses', () => {
    const service = (name: string) => ({
      metadata: { name },
      spec: { type: 'NodePort', ports: [{ port: 80 }], selector: { app: 'x' } },
    });
    const make = (from: number, count: number) =>
      times(count, (i) => ask(i, 'POST', '/services', { body: service(`s${from + i}`) }));
    const present = async () => (await ask(1, 'GET', '/services')).body.items as ReturnType<typeof service>[];
    const portsOf = (items: readonly { spec: { ports: object[] } }[]) =>
      items.map(({ spec }) => (spec.ports[0] as { nodePort: number }).nodePort);

    test('no address and no port is given twice, and those of the refused come back', async () => {
      const outcomes = await make(0, 40);
      const made = outcomes.filter(({ code }) => code === 201);
      assert.equal(made.length, portCount);
      for (const { code, body } of outcomes.filter(({ code }) => code !== 201)) {
        assert.deepEqual(
          [code, body.message],
          [500, 'Internal error occurred: failed to allocate a nodePort: range is full'],
        );
      }
      const items = await present();
      assert.equal(new Set(portsOf(items)).size, portCount);
      assert.equal(new Set(items.map(({ spec }) => (spec as { clusterIP?: string }).clusterIP)).size, portCount);
      const all = await claimed();
      assert.equal(all.ports.length, portCount);
      // The API's own Service has one too.
      assert.equal(all.ips.length, portCount + 1);
    });

    test('they come back with deletions, also over restarts', async () => {
      const before = await present();
      await Promise.all(before.slice(0, 12).map(({ metadata }, i) => ask(i, 'DELETE', `/services/${metadata.name}`)));
      await second?.stop();
      await api.restart();
      await startSecond();
      const outcomes = await make(100, 30);
      assert.equal(outcomes.filter(({ code }) => code === 201).length, 12);
      const items = await present();
      assert.equal(new Set(portsOf(items)).size, portCount);
      assert.equal(new Set(items.map(({ spec }) => (spec as { clusterIP?: string }).clusterIP)).size, portCount);
      assert.equal((await claimed()).ips.length, portCount + 1);
    });

    test('what nobody holds any more is given back when a server starts', async () => {
      const etcd = new Etcd3({ hosts: [api.etcd.endpoint] });
      try {
        const { ips } = await claimed();
        const free = Array.from({ length: addressCount }, (_, i) => `10.43.0.${i + 1}`).filter(
          (ip) => !ips.includes(ip),
        );
        const lost = { key: 'at-once/lost', uid: 'lost' };
        await etcd.put(`/ranges/service-ips/${free[0]}`).value(JSON.stringify({ ...lost, at: Date.now() - 3_600_000 }));
        await etcd.put(`/ranges/service-ips/${free[1]}`).value(JSON.stringify({ ...lost, at: Date.now() }));
        await second?.stop();
        await startSecond();
        const deadline = Date.now() + 10_000;
        while ((await claimed()).ips.includes(free[0]!)) assert.ok(Date.now() < deadline, 'the claim stays');
        // A young one may belong to a Service that is just being written.
        assert.ok((await claimed()).ips.includes(free[1]!));
      } finally {
        etcd.close();
      }
    });

    async function claimed(): Promise<{ ips: string[]; ports: string[] }> {
      const etcd = new Etcd3({ hosts: [api.etcd.endpoint] });
      try {
        const names = async (folder: string) =>
          (await etcd.getAll().prefix(`/ranges/${folder}/`).keys()).map((key) => key.slice(key.lastIndexOf('/') + 1));
        return { ips: await names('service-ips'), ports: await names('node-ports') };
      } finally {
        etcd.close();
      }
    }
  });
});
