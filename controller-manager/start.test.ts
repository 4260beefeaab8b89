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
import type { Pod } from '#lib/kinds/gen/core-v1.ts';
import { event } from '#lib/kinds/event.ts';
import { namespace } from '#lib/kinds/namespace.ts';
import { pod } from '#lib/kinds/pod.ts';
import { serviceAccount } from '#lib/kinds/service-account.ts';
import { service } from '#lib/kinds/service.ts';
import { refOf } from '#lib/meta/object.ts';
import { runControllers } from './start.ts';

suite('controller-manager over a fake API', () => {
  const env = { ...makeRealEnv({ service: 'test' }), log: silentLog };
  let client: FakeClient;
  let running: Service;

  setup(async () => {
    client = makeFakeClient(env);
    running = runControllers({ ca: 'PEM', clusterCidr: '10.244.0.0/16' }, { client, env });
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
    const labels = { app: 'web' };
    const template = { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'busybox' }] } };
    await client.create<Deployment>(deployment, {
      metadata: { name: 'web', namespace: 'shop' },
      spec: { replicas: 3, selector: { matchLabels: labels }, template, progressDeadlineSeconds: 600 },
    });
    await client.create(service, {
      metadata: { name: 'web', namespace: 'shop' },
      spec: { clusterIP: '10.96.0.1', selector: labels, ports: [{ port: 80 }] },
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
    const labels = { app: 'web' };
    const template = { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'busybox' }] } };
    await client.create<Deployment>(deployment, {
      metadata: { name: 'many', namespace: 'shop' },
      spec: { replicas: 500, selector: { matchLabels: labels }, template },
    });
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
});
