import assert from 'node:assert/strict';
import { makeRealEnv } from '#lib/env/real.ts';
import type { Kind } from '#lib/kinds/define-kind.ts';
import { deployment } from '#lib/kinds/deployment.ts';
import { namespace } from '#lib/kinds/namespace.ts';
import { persistentVolumeClaim } from '#lib/kinds/persistent-volume-claim.ts';
import { pod } from '#lib/kinds/pod.ts';
import { resourceQuota } from '#lib/kinds/resource-quota.ts';
import { serviceAccount } from '#lib/kinds/service-account.ts';
import { service } from '#lib/kinds/service.ts';
import { ApiError } from '#lib/meta/errors.ts';
import { startEtcd } from '../../test/harness/etcd.ts';
import type { TestEtcd } from '../../test/harness/etcd.ts';
import { authorize } from '../auth/permissive.fixture.ts';
import { makeEtcdStore } from '../store/etcd.ts';
import { makeWorld } from '../store/world.ts';
import { at, caller, podBody } from '../verbs/fixture.ts';
import type { Loose } from '../verbs/fixture.ts';
import type { Verbs } from '../verbs/types.ts';
import { makeVerbs } from '../verbs/verbs.ts';
import { makeAdmission } from './chain.ts';

interface Server {
  verbs: Verbs;
  stop(): Promise<void>;
}

/** What an API server is below its fronts. */
async function startServer(etcd: TestEtcd): Promise<Server> {
  const env = makeRealEnv({ service: 'test' });
  const store = makeEtcdStore({ endpoints: [etcd.endpoint] }, env);
  const world = await makeWorld(store, env);
  const admission = makeAdmission({ random: env.random, authorize });
  const verbs = makeVerbs({ env, store, world, authorize, admission });
  return {
    verbs,
    async stop() {
      await world.close();
      await store.close();
    },
  };
}

suite('makeQuotaCharger() over etcd', () => {
  let etcd: TestEtcd;
  let servers: Server[];
  let first: Verbs;
  let spaces = 0;

  suiteSetup(async function () {
    this.timeout(20_000);
    etcd = await startEtcd();
    servers = await Promise.all([startServer(etcd), startServer(etcd)]);
    first = servers[0]!.verbs;
  });

  suiteTeardown(async () => {
    for (const server of servers) await server.stop();
    await etcd.stop();
  });

  const create = async (kind: Kind, space: string, body: object, verbs = first) =>
    (await verbs.create(caller, kind, kind.namespaced ? space : '', body)).object as Loose;

  /** A namespace with a quota that the controller has looked at. */
  async function makeSpace(hard: Record<string, string>, spec: object = {}): Promise<string> {
    const space = `q${spaces++}`;
    await create(namespace, '', { metadata: { name: space } });
    await create(serviceAccount, space, { metadata: { name: 'default' } });
    await makeQuota(space, 'q', hard, spec);
    return space;
  }

  async function makeQuota(space: string, name: string, hard: Record<string, string>, spec: object = {}) {
    await create(resourceQuota, space, { metadata: { name }, spec: { hard, ...spec } });
    const used = Object.fromEntries(Object.keys(hard).map((item) => [item, '0']));
    const body = { status: { hard, used } };
    const type = 'application/merge-patch+json';
    const { revision } = await first.patch(caller, resourceQuota, at(name, space), type, body, {
      subresource: 'status',
    });
    // Every server knows of it, as it would after a moment.
    for (const { verbs } of servers) {
      await verbs.get(caller, resourceQuota, at(name, space), { resourceVersion: String(revision) });
    }
  }

  const usedOf = async (space: string, name = 'q') =>
    ((await first.get(caller, resourceQuota, at(name, space))).object as Loose)['status'].used;

  const refusalOf = async (attempt: Promise<unknown>): Promise<string> => {
    try {
      await attempt;
    } catch (error) {
      assert.ok(error instanceof ApiError && error.reason === 'Forbidden', String(error));
      return error.message;
    }
    return assert.fail('Not refused');
  };

  test('of 200 creations at once by two servers, a quota of 100 lets exactly 100 through', async function () {
    this.timeout(20_000);
    const space = await makeSpace({ pods: '100' });
    const attempts = Array.from({ length: 200 }, (_, i) => create(pod, space, podBody(`p${i}`), servers[i % 2]!.verbs));
    const outcomes = await Promise.allSettled(attempts);
    const refused = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as Error] : []));
    assert.equal(refused.length, 100);
    for (const error of refused) {
      assert.match(
        error.message,
        /^pods "p\d+" is forbidden: exceeded quota: q, requested: pods=1, used: pods=100, limited: pods=100$/,
      );
    }
    const { entries } = await first.list(caller, pod, { namespace: space, resourceVersion: '' });
    assert.equal(entries.length, 100);
    assert.deepEqual(await usedOf(space), { pods: '100' });
  });

  test('what one quota refuses is not charged to another', async () => {
    const space = await makeSpace({ pods: '2' });
    await makeQuota(space, 'wide', { 'count/pods': '10' });
    await Promise.allSettled(Array.from({ length: 6 }, (_, i) => create(pod, space, podBody(`p${i}`))));
    assert.deepEqual(await usedOf(space), { pods: '2' });
    assert.deepEqual(await usedOf(space, 'wide'), { 'count/pods': '2' });
  });

  test('amounts are summed, and containers must speak of what is limited', async () => {
    const space = await makeSpace({ 'requests.cpu': '1', 'limits.memory': '1Gi' });
    const body = (name: string, resources: object) => ({
      metadata: { name },
      spec: { containers: [{ name: 'c', image: 'i', resources }] },
    });
    assert.equal(
      await refusalOf(create(pod, space, podBody('silent'))),
      'pods "silent" is forbidden: failed quota: q: must specify limits.memory for: c; requests.cpu for: c',
    );
    await create(pod, space, body('a', { requests: { cpu: '600m' }, limits: { memory: '256Mi' } }));
    assert.deepEqual(await usedOf(space), { 'requests.cpu': '600m', 'limits.memory': '256Mi' });
    assert.equal(
      await refusalOf(create(pod, space, body('b', { requests: { cpu: '500m' }, limits: { memory: '900Mi' } }))),
      'pods "b" is forbidden: exceeded quota: q, requested: limits.memory=900Mi,requests.cpu=500m, used: limits.memory=256Mi,requests.cpu=600m, limited: limits.memory=1Gi,requests.cpu=1',
    );
  });

  test('scopes choose the pods that count', async () => {
    const space = await makeSpace({ pods: '1' }, { scopes: ['BestEffort'] });
    const modest = (name: string) => ({
      metadata: { name },
      spec: { containers: [{ name: 'c', image: 'i', resources: { requests: { cpu: '1m' } } }] },
    });
    await create(pod, space, podBody('a'));
    await create(pod, space, modest('b'));
    await create(pod, space, modest('c'));
    assert.match(await refusalOf(create(pod, space, podBody('d'))), /exceeded quota: q, requested: pods=1/);
  });

  test('objects of any kind are counted, claims by class and growth, Services by type', async () => {
    const space = await makeSpace({
      'count/deployments.apps': '1',
      'services.nodeports': '1',
      'requests.storage': '10Gi',
      'gold.storageclass.storage.k8s.io/requests.storage': '5Gi',
    });
    const template = { metadata: { labels: { a: 'b' } }, spec: podBody('').spec };
    const work = (name: string) => ({ metadata: { name }, spec: { selector: { matchLabels: { a: 'b' } }, template } });
    await create(deployment, space, work('one'));
    assert.equal(
      await refusalOf(create(deployment, space, work('two'))),
      'deployments.apps "two" is forbidden: exceeded quota: q, requested: count/deployments.apps=1, used: count/deployments.apps=1, limited: count/deployments.apps=1',
    );
    const claim = (name: string, storage: string, storageClassName: string) => ({
      metadata: { name },
      spec: { accessModes: ['ReadWriteOnce'], storageClassName, resources: { requests: { storage } } },
    });
    await create(persistentVolumeClaim, space, claim('a', '5Gi', 'gold'));
    assert.match(
      await refusalOf(create(persistentVolumeClaim, space, claim('b', '1Gi', 'gold'))),
      /requested: gold.storageclass.storage.k8s.io\/requests.storage=1Gi, used: .*=5Gi, limited: .*=5Gi$/,
    );
    const ports = [{ port: 80 }];
    await create(service, space, { metadata: { name: 's' }, spec: { ports } });
    await create(service, space, { metadata: { name: 'n' }, spec: { type: 'NodePort', ports } });
    const type = 'application/merge-patch+json';
    assert.match(
      await refusalOf(first.patch(caller, service, at('s', space), type, { spec: { type: 'NodePort' } })),
      /exceeded quota: q, requested: services.nodeports=1, used: services.nodeports=1, limited: services.nodeports=1/,
    );
  });

  test('a dry run is judged and not charged, and a name that is taken costs nothing', async () => {
    const space = await makeSpace({ pods: '1' });
    await first.create(caller, pod, space, podBody('a'), { dryRun: true });
    await create(pod, space, podBody('a'));
    await assert.rejects(create(pod, space, podBody('a')), { reason: 'AlreadyExists' });
    await refusalOf(first.create(caller, pod, space, podBody('b'), { dryRun: true }));
    assert.deepEqual(await usedOf(space), { pods: '1' });
  });

  test('a quota limits once it has been counted, and never by half', async () => {
    const space = await makeSpace({});
    const hard = { pods: '0' };
    const { revision } = await first.create(caller, resourceQuota, space, {
      metadata: { name: 'new' },
      spec: { hard },
    });
    await first.get(caller, resourceQuota, at('new', space), { resourceVersion: String(revision) });
    await create(pod, space, podBody('a'));
    const type = 'application/merge-patch+json';
    const half = { status: { hard } };
    const { revision: later } = await first.patch(caller, resourceQuota, at('new', space), type, half, {
      subresource: 'status',
    });
    await first.get(caller, resourceQuota, at('new', space), { resourceVersion: String(later) });
    assert.equal(
      await refusalOf(create(pod, space, podBody('b'))),
      'pods "b" is forbidden: status unknown for quota: new, resources: pods',
    );
  });
});
