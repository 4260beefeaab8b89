import assert from 'node:assert/strict';
import { makeFakeClient } from '#lib/client/fake.ts';
import type { FakeClient } from '#lib/client/fake.ts';
import { silentLog } from '#lib/env/log.ts';
import { makeRealEnv } from '#lib/env/real.ts';
import type { Service } from '#lib/env/service.ts';
import { configMap } from '#lib/kinds/config-map.ts';
import { deployment } from '#lib/kinds/deployment.ts';
import { endpointSlice } from '#lib/kinds/endpoint-slice.ts';
import { endpoints } from '#lib/kinds/endpoints.ts';
import type { Deployment } from '#lib/kinds/gen/apps-v1.ts';
import type { Node, Pod } from '#lib/kinds/gen/core-v1.ts';
import { event } from '#lib/kinds/event.ts';
import { node } from '#lib/kinds/node.ts';
import { replicaSet } from '#lib/kinds/replica-set.ts';
import { conditionOf } from '#lib/meta/conditions.ts';
import { namespace } from '#lib/kinds/namespace.ts';
import { pod } from '#lib/kinds/pod.ts';
import { serviceAccount } from '#lib/kinds/service-account.ts';
import { service } from '#lib/kinds/service.ts';
import { refOf } from '#lib/meta/object.ts';
import { startRedis } from '../test/harness/redis.ts';
import { allControllers } from './all.ts';
import { makeKnownKinds } from './kinds.ts';
import { runControllers } from './start.ts';
import { defaultTimings } from './timings.ts';

suite('controller-manager in two processes that share their work through Redis', () => {
  const env = { ...makeRealEnv({ service: 'test' }), log: silentLog };

  test('creates every replica exactly once, and goes on when one of them is gone', async () => {
    const redis = await startRedis();
    const client = makeFakeClient(env);
    const config = { ca: 'PEM', clusterCidr: '10.244.0.0/16', redis: redis.url };
    const managers = [await runControllers(config, { client, env }), await runControllers(config, { client, env })];
    await client.create(namespace, { metadata: { name: 'shop' }, spec: {} });
    const pods = async () => (await client.list(pod)).items.length;
    const eventually = async (check: () => Promise<boolean>) => {
      const deadline = env.monotonic() + 10_000;
      while (!(await check())) {
        if (env.monotonic() > deadline) throw new Error('Not so after 10 s');
        await env.sleep(5);
      }
    };
    for (const name of ['a', 'b', 'c', 'd']) await client.create<Deployment>(deployment, deploymentOf(name, 20));
    await eventually(async () => (await pods()) >= 80);
    await managers[0]!.stop();
    const before = await client.get(deployment, refOf('shop/a'));
    await client.update(deployment, { ...before, spec: { ...before.spec, replicas: 30 } });
    await eventually(async () => (await pods()) >= 90);
    await env.sleep(100);
    assert.equal(await pods(), 90);
    await managers[1]!.stop();
    await redis.stop();
  });

  test('every controller has a queue of its own', () => {
    const known = makeKnownKinds();
    const options = {
      ca: '',
      clusterCidr: '10.0.0.0/8',
      nodeMaskSize: 24,
      known,
      timings: defaultTimings,
      clock: () => 0,
    };
    const names = allControllers(options).map(({ name }) => name);
    assert.equal(new Set(names).size, names.length);
  });
});

suite('controller-manager over a fake API', () => {
  const env = { ...makeRealEnv({ service: 'test' }), log: silentLog };
  let client: FakeClient;
  let running: Service;

  setup(async () => {
    client = makeFakeClient(env);
    running = await runControllers(
      { ca: 'PEM', clusterCidr: '10.244.0.0/16', timings: { nodeGraceMs: 300 } },
      { client, env },
    );
    await client.create(namespace, {
      metadata: { name: 'shop' },
      spec: { finalizers: ['kubernetes'] },
      status: { phase: 'Active' },
    });
  });
  teardown(() => running.stop());

  const count = async (kind: Parameters<FakeClient['list']>[0]) => (await client.list(kind)).items.length;

  async function eventually(check: () => Promise<boolean>): Promise<void> {
    const deadline = env.monotonic() + 10_000;
    while (!(await check())) {
      if (env.monotonic() > deadline) throw new Error('Not so after 10 s');
      await env.sleep(5);
    }
  }

  /** What nodes do: every pod runs and is ready. */
  async function runPods(): Promise<void> {
    for (const each of (await client.list(pod)).items) {
      if (each.status?.phase === 'Running') continue;
      const podIP = `10.244.0.${each.metadata.resourceVersion}`;
      const conditions = [{ type: 'Ready', status: 'True', lastTransitionTime: new Date().toISOString() }];
      const status: Pod['status'] = { phase: 'Running', podIP, podIPs: [{ ip: podIP }], conditions };
      await client.updateStatus(pod, { ...each, status });
    }
  }

  test('a Deployment becomes available and is reached through its Service', async () => {
    await client.create<Deployment>(deployment, deploymentOf('web', 3));
    await client.create(service, {
      metadata: { name: 'web', namespace: 'shop' },
      spec: { clusterIP: '10.96.0.1', selector: { app: 'web' }, ports: [{ port: 80 }] },
    });
    await eventually(async () => (await count(pod)) === 3);
    await runPods();
    const at = refOf('shop/web');
    await eventually(async () => (await client.get(deployment, at)).status?.availableReplicas === 3);
    await eventually(async () => (await client.get(endpoints, at)).subsets?.[0]?.addresses?.length === 3);
    await eventually(async () => (await client.list(endpointSlice)).items[0]?.endpoints.length === 3);
    await eventually(async () => (await count(event)) >= 4);
    assert.equal(await count(pod), 3);
  });

  test('500 replicas are created exactly once', async () => {
    await client.create<Deployment>(deployment, deploymentOf('many', 500));
    await eventually(async () => (await count(pod)) >= 500);
    await env.sleep(100);
    assert.equal(await count(pod), 500);
  });

  test('a namespace gets its default ServiceAccount and root certificate, and is emptied before it goes', async () => {
    await eventually(async () => (await count(serviceAccount)) === 1 && (await count(configMap)) === 1);
    assert.equal((await client.get(configMap, refOf('shop/kube-root-ca.crt'))).data?.['ca.crt'], 'PEM');
    const held = await client.get(namespace, refOf('shop'));
    await client.update(namespace, { ...held, metadata: { ...held.metadata, finalizers: ['test/hold'] } });
    await client.delete(namespace, refOf('shop'));
    await eventually(async () => (await client.get(namespace, refOf('shop'))).spec.finalizers?.length === 0);
    assert.equal(await count(configMap), 0);
    assert.equal(await count(serviceAccount), 0);
  });

  test('deleting a Deployment removes its ReplicaSets and pods, in the background and in the foreground', async () => {
    for (const propagationPolicy of ['Background', 'Foreground'] as const) {
      await client.create<Deployment>(deployment, deploymentOf('web', 3));
      await eventually(async () => (await count(pod)) === 3);
      await client.delete(deployment, refOf('shop/web'), { propagationPolicy });
      await eventually(async () => (await count(replicaSet)) + (await count(pod)) + (await count(deployment)) === 0);
    }
  });

  test('deleting a Deployment as an orphan leaves its ReplicaSet, and a new one adopts it', async () => {
    await client.create<Deployment>(deployment, deploymentOf('web', 2));
    await eventually(async () => (await count(pod)) === 2);
    await client.delete(deployment, refOf('shop/web'), { propagationPolicy: 'Orphan' });
    await eventually(async () => (await count(deployment)) === 0);
    const [orphan] = (await client.list(replicaSet)).items;
    assert.equal(orphan!.metadata.ownerReferences, undefined);
    const adopter = await client.create<Deployment>(deployment, deploymentOf('web', 2));
    await eventually(
      async () => (await client.list(replicaSet)).items[0]?.metadata.ownerReferences?.[0]?.uid === adopter.metadata.uid,
    );
    assert.equal(await count(replicaSet), 1);
    assert.equal(await count(pod), 2);
  });

  test('a node gets its network, and is given up when its heart stops', async () => {
    const conditions = [{ type: 'Ready', status: 'True', lastHeartbeatTime: new Date().toISOString() }];
    const created = await client.create<Node>(node, { metadata: { name: 'n1' }, spec: {} });
    await client.updateStatus(node, { ...created, status: { conditions } });
    await eventually(async () => (await client.get(node, refOf('n1'))).spec.podCIDR === '10.244.0.0/24');
    await eventually(async () => isUnknown(await client.get(node, refOf('n1'))));
    await eventually(
      async () => (await client.get(node, refOf('n1'))).spec.taints?.[0]?.key === 'node.kubernetes.io/unreachable',
    );
  });
});

function deploymentOf(name: string, replicas: number) {
  const labels = { app: name };
  const template = { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'busybox' }] } };
  return { metadata: { name, namespace: 'shop' }, spec: { replicas, selector: { matchLabels: labels }, template } };
}

function isUnknown({ status }: Node): boolean {
  return conditionOf(status?.conditions, 'Ready')?.status === 'Unknown';
}
