import assert from 'node:assert/strict';
import { connect } from '#lib/client/connect.ts';
import type { ConnectedClient } from '#lib/client/connect.ts';
import { silentLog } from '#lib/env/log.ts';
import { makeRealEnv } from '#lib/env/real.ts';
import type { Service } from '#lib/env/service.ts';
import { event } from '#lib/kinds/event.ts';
import { builtIn } from '#lib/kinds/index.ts';
import { pod } from '#lib/kinds/pod.ts';
import { startTestApi } from '../test/harness/api.ts';
import type { TestApi } from '../test/harness/api.ts';
import { viewedKinds } from './kinds.ts';
import { start } from './start.ts';

/** One of everything that a controller looks at, so that none can keep another busy, nor itself. */
const labels = { app: 'web' };
const template = { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'busybox' }] } };
const selector = { matchLabels: labels };
const once = { spec: { ...template.spec, restartPolicy: 'Never' } };
const manifests = [
  { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n1', labels: { 'kubernetes.io/hostname': 'n1' } }, spec: {} },
  { apiVersion: 'apps/v1', kind: 'Deployment', spec: { replicas: 2, selector, template } },
  { apiVersion: 'apps/v1', kind: 'StatefulSet', spec: { replicas: 1, serviceName: 'web', selector, template } },
  { apiVersion: 'apps/v1', kind: 'DaemonSet', spec: { selector, template } },
  { apiVersion: 'v1', kind: 'ReplicationController', spec: { replicas: 1, selector: labels, template } },
  { apiVersion: 'batch/v1', kind: 'Job', spec: { completions: 2, completionMode: 'Indexed', template: once } },
  {
    apiVersion: 'batch/v1',
    kind: 'CronJob',
    spec: { schedule: '0 0 1 1 *', jobTemplate: { spec: { template: once } } },
  },
  { apiVersion: 'v1', kind: 'Service', spec: { selector: { app: 'nobody' }, ports: [{ port: 80 }] } },
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'headless' },
    spec: { clusterIP: 'None', selector: labels, ports: [{ port: 80 }] },
  },
  { apiVersion: 'v1', kind: 'Service', metadata: { name: 'custom' }, spec: { ports: [{ port: 80 }] } },
  {
    apiVersion: 'v1',
    kind: 'Endpoints',
    metadata: { name: 'custom' },
    subsets: [{ addresses: [{ ip: '192.0.2.1' }], ports: [{ port: 80 }] }],
  },
  { apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', spec: { minAvailable: 1, selector } },
  { apiVersion: 'v1', kind: 'ResourceQuota', spec: { hard: { pods: '10', 'requests.memory': '1Gi' } } },
  {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name: 'v1' },
    spec: { capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], hostPath: { path: '/tmp' } },
  },
  {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    spec: { accessModes: ['ReadWriteOnce'], storageClassName: '', resources: { requests: { storage: '1Gi' } } },
  },
];

suite('controller-manager at rest', () => {
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
    running = await start({ server, clusterCidr: '10.244.0.0/16', caFile: `${api.folder}/ca.crt` }, env);
  });
  suiteTeardown(async () => {
    await running?.stop();
    client?.close();
    await api?.stop();
  });

  async function versions(): Promise<Map<string, string>> {
    const lists = await Promise.all([...viewedKinds, event].map((kind) => client.list(kind)));
    const objects = lists.flatMap(({ items }) => items);
    return new Map(
      objects.map(({ kind, metadata }) => [
        `${kind} ${metadata.namespace ?? ''}/${metadata.name}`,
        metadata.resourceVersion,
      ]),
    );
  }

  test('nothing is written again once all is as it should be', async () => {
    for (const manifest of manifests) {
      const kind = builtIn.of(manifest.apiVersion, manifest.kind)!;
      const named = { name: 'web', ...(kind.namespaced && { namespace: 'default' }), ...manifest.metadata };
      await client.create(kind, { ...manifest, metadata: named });
    }
    // Rest means that a while passes without any change; it must come before the deadline, and then last.
    const deadline = env.monotonic() + 15_000;
    let before = await versions();
    for (let quietRounds = 0; quietRounds < 3;) {
      assert.ok(env.monotonic() < deadline, 'Still writing after 15 s');
      await env.sleep(300);
      const after = await versions();
      const changed = [...after].filter(([key, version]) => before.get(key) !== version).map(([key]) => key);
      quietRounds = changed.length === 0 && after.size === before.size ? quietRounds + 1 : 0;
      before = after;
    }
    assert.equal((await client.list(pod)).items.length, 6);
  });
});
