import assert from 'node:assert/strict';
import { connect } from '#lib/client/connect.ts';
import type { ConnectedClient } from '#lib/client/connect.ts';
import { silentLog } from '#lib/env/log.ts';
import { makeRealEnv } from '#lib/env/real.ts';
import type { Service } from '#lib/env/service.ts';
import { configMap } from '#lib/kinds/config-map.ts';
import { customKinds } from '#lib/kinds/custom/make-kinds.ts';
import { customResourceDefinition } from '#lib/kinds/custom-resource-definition.ts';
import type { Kind } from '#lib/kinds/define-kind.ts';
import { deployment } from '#lib/kinds/deployment.ts';
import { endpointSlice } from '#lib/kinds/endpoint-slice.ts';
import { event } from '#lib/kinds/event.ts';
import type { Deployment } from '#lib/kinds/gen/apps-v1.ts';
import type { Job } from '#lib/kinds/gen/batch-v1.ts';
import type { Namespace, Pod, ResourceQuota, Service as ApiService } from '#lib/kinds/gen/core-v1.ts';
import { job } from '#lib/kinds/job.ts';
import { namespace } from '#lib/kinds/namespace.ts';
import { pod } from '#lib/kinds/pod.ts';
import { replicaSet } from '#lib/kinds/replica-set.ts';
import { resourceQuota } from '#lib/kinds/resource-quota.ts';
import { secret } from '#lib/kinds/secret.ts';
import { serviceAccount } from '#lib/kinds/service-account.ts';
import { service } from '#lib/kinds/service.ts';
import { isReason } from '#lib/meta/errors.ts';
import { refOf } from '#lib/meta/object.ts';
import type { Draft, Ref } from '#lib/meta/object.ts';
import { startTestApi } from '../test/harness/api.ts';
import type { TestApi } from '../test/harness/api.ts';
import { start } from './start.ts';

suite('controller-manager over the real API', () => {
  const env = { ...makeRealEnv({ service: 'test' }), log: silentLog };
  let api: TestApi;
  let client: ConnectedClient;
  let running: Service;

  suiteSetup(async () => {
    api = await startTestApi();
    const server = {
      address: `unix:${api.folder}/api.sock`,
      user: 'system:kube-controller-manager',
      groups: ['system:masters'],
    };
    client = connect(server, env);
    const caFile = `${api.folder}/ca.crt`;
    const serviceAccountKeyFile = api.config.pki.serviceAccountKeyFile;
    running = await start(
      { server, clusterCidr: '10.244.0.0/16', caFile, serviceAccountKeyFile, leaderElect: true },
      env,
    );
  });
  suiteTeardown(async () => {
    await running?.stop();
    client?.close();
    await api?.stop();
  });

  async function eventually(check: () => Promise<boolean>): Promise<void> {
    const deadline = env.monotonic() + 15_000;
    while (!(await check())) {
      if (env.monotonic() > deadline) throw new Error('Not so after 15 s');
      await env.sleep(10);
    }
  }

  async function makeNamespace(name: string): Promise<void> {
    await client.create<Namespace>(namespace, { metadata: { name }, spec: {} });
    await eventually(async () => (await client.list(configMap, { namespace: name })).items.length === 1);
  }

  const podsIn = async (name: string) => (await client.list(pod, { namespace: name })).items;

  /** What nodes do: pods run and are ready, and go when they are asked to. */
  async function playNode(name: string, phase: 'Running' | 'Succeeded' = 'Running'): Promise<void> {
    for (const each of await podsIn(name)) {
      if (each.status?.phase === phase) continue;
      const podIP = `10.244.0.${Number(each.metadata.resourceVersion) % 250}`;
      const conditions = [{ type: 'Ready', status: phase === 'Running' ? 'True' : 'False' }];
      const status: Pod['status'] = { ...each.status, phase, podIP, podIPs: [{ ip: podIP }], conditions };
      await client.updateStatus(pod, { ...each, status });
    }
  }

  function deploymentIn(name: string, replicas: number) {
    const labels = { app: 'web' };
    const containers = [{ name: 'c', image: 'busybox' }];
    const spec = {
      replicas,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers } },
    };
    return { metadata: { name: 'web', namespace: name }, spec };
  }

  test('a Deployment rolls out, is reached, and goes with its namespace', async () => {
    await makeNamespace('shop');
    await client.create<Deployment>(deployment, deploymentIn('shop', 3));
    const ports = [{ port: 80, targetPort: 8080 }];
    const metadata = { name: 'web', namespace: 'shop' };
    await client.create<ApiService>(service, { metadata, spec: { selector: { app: 'web' }, ports } });
    const at = refOf('shop/web');
    await eventually(async () => (await podsIn('shop')).length === 3);
    await playNode('shop');
    await eventually(async () => (await client.get(deployment, at)).status?.availableReplicas === 3);
    const slices = async () => (await client.list(endpointSlice, { namespace: 'shop' })).items;
    await eventually(async () => (await slices())[0]?.endpoints.length === 3);
    const before = await client.get(deployment, at);
    const [container] = before.spec.template.spec!.containers;
    const template = {
      ...before.spec.template,
      spec: { ...before.spec.template.spec, containers: [{ ...container!, image: 'two' }] },
    };
    await client.update(deployment, { ...before, spec: { ...before.spec, template } });
    await eventually(async () => {
      await playNode('shop');
      const { status } = await client.get(deployment, at);
      return status?.updatedReplicas === 3 && status.replicas === 3 && status.availableReplicas === 3;
    });
    assert.equal((await client.list(replicaSet, { namespace: 'shop' })).items.length, 2);
    const told = (await client.list(event, { namespace: 'shop' })).items.map(({ reason }) => reason);
    assert.ok(told.includes('ScalingReplicaSet') && told.includes('SuccessfulCreate'));
    await client.delete(namespace, refOf('shop'));
    await eventually(async () => {
      try {
        await client.get(namespace, refOf('shop'));
        return false;
      } catch (error) {
        return isReason(error, 'NotFound');
      }
    });
    assert.deepEqual(await podsIn('shop'), []);
  });

  test('custom resources own and are owned, and go with their namespace, as long as there are any', async () => {
    const schema = {
      openAPIV3Schema: { type: 'object', properties: { spec: { type: 'object', properties: {} } } },
    };
    const define = async (plural: string, kind: string) => {
      const draft = {
        metadata: { name: `${plural}.things.example.com` },
        spec: {
          group: 'things.example.com',
          scope: 'Namespaced',
          names: { plural, kind },
          versions: [{ name: 'v1', served: true, storage: true, schema }],
        },
      };
      await client.create(customResourceDefinition, draft);
      const ref = { namespace: '', name: draft.metadata.name };
      await eventually(async () =>
        ((await client.get(customResourceDefinition, ref)).status?.conditions ?? []).some(
          ({ type, status }) => type === 'Established' && status === 'True',
        ),
      );
      return customKinds(await client.get(customResourceDefinition, ref))[0]!;
    };
    const isGone = (kind: Kind, ref: Ref) =>
      eventually(() =>
        client.get(kind, ref).then(
          () => false,
          (error: unknown) => isReason(error, 'NotFound'),
        ),
      );
    await makeNamespace('customs');
    const widget = await define('widgets', 'Widget');
    const at = (name: string) => ({ namespace: 'customs', name });
    const owner = await client.create(widget, { metadata: at('owner') });
    const ownerReferences = [
      { apiVersion: 'things.example.com/v1', kind: 'Widget', name: 'owner', uid: owner.metadata.uid },
    ];
    await client.create(configMap, { metadata: { ...at('owned'), ownerReferences } });
    await client.create(widget, { metadata: { ...at('owned'), ownerReferences } });
    // Another definition comes and goes meanwhile, and the manager keeps up.
    await define('gadgets', 'Gadget');
    await client.delete(customResourceDefinition, { namespace: '', name: 'gadgets.things.example.com' });
    await isGone(customResourceDefinition, { namespace: '', name: 'gadgets.things.example.com' });
    await client.delete(widget, at('owner'), { propagationPolicy: 'Foreground' });
    await isGone(widget, at('owner'));
    await isGone(configMap, at('owned'));
    await isGone(widget, at('owned'));
    await client.create(widget, { metadata: at('last') });
    await client.delete(namespace, refOf('customs'));
    await isGone(namespace, refOf('customs'));
    assert.deepEqual((await client.list(widget, {})).items, []);
    await client.delete(customResourceDefinition, { namespace: '', name: 'widgets.things.example.com' });
    await isGone(customResourceDefinition, { namespace: '', name: 'widgets.things.example.com' });
    await makeNamespace('afterwards');
  });

  test('300 replicas are created exactly once, also when the manager is replaced meanwhile', async () => {
    await makeNamespace('many');
    await client.create<Deployment>(deployment, deploymentIn('many', 300));
    await eventually(async () => (await podsIn('many')).length > 20);
    await running.stop();
    const server = {
      address: `unix:${api.folder}/api.sock`,
      user: 'system:kube-controller-manager',
      groups: ['system:masters'],
    };
    const files = { caFile: `${api.folder}/ca.crt`, serviceAccountKeyFile: api.config.pki.serviceAccountKeyFile };
    running = await start({ server, clusterCidr: '10.244.0.0/16', ...files }, env);
    await eventually(async () => (await podsIn('many')).length >= 300);
    await eventually(
      async () => (await client.list(replicaSet, { namespace: 'many' })).items[0]?.status?.replicas === 300,
    );
    assert.equal((await podsIn('many')).length, 300);
  });

  test('a Secret gets a token of the account it names, which lets in until either is gone', async () => {
    await makeNamespace('tokens');
    const metadata = { namespace: 'tokens', name: 'robot' };
    const account = await client.create(serviceAccount, { metadata });
    await client.create(secret, {
      metadata: { ...metadata, annotations: { 'kubernetes.io/service-account.name': 'robot' } },
      type: 'kubernetes.io/service-account-token',
    });
    const filled = () => client.get(secret, metadata);
    await eventually(async () => (await filled()).data?.['token'] !== undefined);
    const { data = {}, metadata: marked } = await filled();
    assert.deepEqual(Object.keys(data).toSorted(), ['ca.crt', 'namespace', 'token']);
    assert.equal(marked.annotations?.['kubernetes.io/service-account.uid'], account.metadata.uid);
    const token = atob(data['token']!);
    const { code, body } = await api.ask('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', {
      token,
      body: {},
    });
    assert.equal(code, 201);
    assert.equal(body.status.userInfo.username, 'system:serviceaccount:tokens:robot');
    await client.delete(serviceAccount, metadata);
    await eventually(async () => (await client.list(secret, { namespace: 'tokens' })).items.length === 0);
    assert.equal((await api.ask('GET', '/api', { token })).code, 401);
  });

  test('a Job runs to its end', async () => {
    await makeNamespace('work');
    const containers = [{ name: 'c', image: 'busybox' }];
    const template = { spec: { containers, restartPolicy: 'Never' as const } };
    await client.create<Job>(job, {
      metadata: { name: 'sum', namespace: 'work' },
      spec: { completions: 4, parallelism: 2, template },
    });
    await eventually(async () => {
      await playNode('work', 'Succeeded');
      return (await client.get(job, refOf('work/sum'))).status?.completionTime !== undefined;
    });
    assert.equal((await client.get(job, refOf('work/sum'))).status?.succeeded, 4);
    assert.ok((await podsIn('work')).every(({ metadata }) => metadata.finalizers === undefined));
  });

  test('a quota is filled and never exceeded, and what goes makes room', async () => {
    await makeNamespace('full');
    const quota: Draft<ResourceQuota> = { metadata: { name: 'q', namespace: 'full' }, spec: { hard: { pods: '10' } } };
    await client.create<ResourceQuota>(resourceQuota, quota);
    const used = async () => (await client.get(resourceQuota, refOf('full/q'))).status?.used?.['pods'];
    await eventually(async () => (await used()) === '0');
    await client.create<Deployment>(deployment, deploymentIn('full', 30));
    await eventually(async () => (await podsIn('full')).length === 10);
    const scale = async (replicas: number) =>
      client.patch(deployment, refOf('full/web'), 'application/merge-patch+json', { spec: { replicas } });
    await scale(4);
    await eventually(async () => (await podsIn('full')).length === 4 && (await used()) === '4');
    let most = 0;
    await scale(20);
    await eventually(async () => {
      most = Math.max(most, (await podsIn('full')).length);
      return most >= 10 && (await used()) === '10';
    });
    assert.equal(most, 10);
    const told = (await client.list(event, { namespace: 'full' })).items.map(({ message }) => message);
    assert.ok(
      told.some((text) => text?.includes('exceeded quota: q, requested: pods=1, used: pods=10, limited: pods=10')),
    );
  });
});
