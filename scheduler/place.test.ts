import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Node, PodSpec } from '#lib/kinds/gen/core-v1.ts';
import type { Cluster } from './cluster/cluster.ts';
import { podInfo } from './cluster/pod-info.ts';
import { explain } from './explain.ts';
import { feasibleNodesToFind, place } from './place.ts';
import { clusterOf, sampleNode, samplePod } from './samples.ts';
import type { PodSample } from './samples.ts';

const turn = { start: 0, random: () => 0.99 };
const zone = 'topology.kubernetes.io/zone';
const host = 'kubernetes.io/hostname';

function chosen(cluster: Cluster, sample: PodSample): string | undefined {
  return place(podInfo(samplePod(sample)), cluster, turn).node?.name;
}

function refusal(cluster: Cluster, sample: PodSample): string {
  const placement = place(podInfo(samplePod(sample)), cluster, turn);
  assert.ok(!placement.node, `placed on ${placement.node?.name}`);
  return explain(placement.noFit);
}

/** Places a pod and counts it; gives the node's name. */
function settle(cluster: Cluster, sample: PodSample, on?: string): string {
  const info = podInfo(samplePod(sample));
  const name = on ?? place(info, cluster, turn).node?.name;
  assert.ok(name !== undefined, 'no node for the pod');
  cluster.setPod(info, name);
  return name;
}

const three = (...changes: Partial<Record<0 | 1 | 2, Parameters<typeof sampleNode>[1]>>[]) =>
  clusterOf(...[0, 1, 2].map((i) => sampleNode(`n${i}`, changes[0]?.[i as 0])));

const zoned = () => clusterOf(...['a', 'b', 'c'].map((name) => sampleNode(`n-${name}`, { labels: { [zone]: name } })));

suite('place() refuses in upstream words', () => {
  const goldens: [string, () => Cluster, PodSample, string][] = [
    ['no nodes', () => clusterOf(), {}, 'no nodes available to schedule pods'],
    [
      'resources and taints',
      () =>
        three({
          1: { spec: { taints: [{ key: 'a', value: 'b', effect: 'NoSchedule' }] } },
          2: { spec: { taints: [{ key: 'a', value: 'b', effect: 'NoExecute' }] } },
        }),
      { requests: { cpu: '5' } },
      '0/3 nodes are available: 1 Insufficient cpu, 2 node(s) had untolerated taint {a: b}.',
    ],
    [
      'several resources of one node',
      () => three(),
      { requests: { cpu: '5', memory: '9Gi', 'ephemeral-storage': '1Gi', 'example.com/gpu': '1' } },
      '0/3 nodes are available: 3 Insufficient cpu, 3 Insufficient ephemeral-storage, 3 Insufficient example.com/gpu, 3 Insufficient memory.',
    ],
    [
      'too many pods',
      () =>
        three({
          0: { allocatable: { pods: '0' } },
          1: { allocatable: { pods: '0' } },
          2: { allocatable: { pods: '0' } },
        }),
      {},
      '0/3 nodes are available: 3 Too many pods.',
    ],
    [
      'cordon',
      () => clusterOf(sampleNode('n', { spec: { unschedulable: true } })),
      {},
      '0/1 nodes are available: 1 node(s) were unschedulable.',
    ],
    [
      'node selector',
      () => three(),
      { spec: { nodeSelector: { disk: 'ssd' } } },
      "0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector.",
    ],
    [
      'a node named by field',
      () => three({ 1: { spec: { unschedulable: true } } }),
      { spec: daemonOn('n1') },
      "0/3 nodes are available: 1 node(s) were unschedulable, 2 node(s) didn't satisfy plugin(s) [NodeAffinity].",
    ],
    [
      'a missing claim',
      () => three(),
      { spec: { volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }] } },
      '0/3 nodes are available: persistentvolumeclaim "data" not found.',
    ],
    [
      'affinity to nobody',
      () => zoned(),
      { spec: { affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [near('web', zone)] } } } },
      "0/3 nodes are available: 3 node(s) didn't match pod affinity rules.",
    ],
    [
      'spreading without the label',
      () => three(),
      { labels: { app: 'web' }, spec: { topologySpreadConstraints: [spread(zone)] } },
      "0/3 nodes are available: 3 node(s) didn't match pod topology spread constraints (missing required label).",
    ],
  ];
  for (const [name, cluster, pod, text] of goldens) {
    test(`explain() tells of ${name}`, () => assert.equal(refusal(cluster(), pod), text));
  }

  test('place() refuses a host port that is taken, on any address', () => {
    const cluster = clusterOf(sampleNode('n'));
    const withPort = (hostIP?: string): PodSample => ({
      spec: { containers: [{ name: 'c', ports: [{ containerPort: 80, hostPort: 80, ...(hostIP && { hostIP }) }] }] },
    });
    settle(cluster, withPort('10.0.0.1'));
    assert.equal(settle(cluster, withPort('10.0.0.2')), 'n');
    assert.equal(
      refusal(cluster, withPort()),
      "0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports.",
    );
  });
});

suite('place() chooses', () => {
  test('place() counts init containers, sidecars and overhead as the kubelet will', () => {
    const spec: Partial<PodSpec> = {
      initContainers: [
        { name: 'sidecar', restartPolicy: 'Always', resources: { requests: { cpu: '1' } } },
        { name: 'init', resources: { requests: { cpu: '2' } } },
      ],
      containers: [{ name: 'main', resources: { requests: { cpu: '1500m' } } }],
      overhead: { cpu: '250m' },
    };
    assert.equal(podInfo(samplePod({ spec })).shape.requests.cpuMillis, 3250);
  });

  test('place() tolerates a cordon when told to, and taints by key, effect and value', () => {
    const cordoned = clusterOf(sampleNode('n', { spec: { unschedulable: true } }));
    assert.equal(chosen(cordoned, { spec: { tolerations: [{ operator: 'Exists' }] } }), 'n');
    const tainted = clusterOf(sampleNode('n', { spec: { taints: [{ key: 'a', value: 'b', effect: 'NoSchedule' }] } }));
    assert.equal(chosen(tainted, { spec: { tolerations: [{ key: 'a', value: 'b' }] } }), 'n');
    assert.equal(chosen(tainted, { spec: { tolerations: [{ key: 'a', value: 'c' }] } }), undefined);
    assert.equal(
      chosen(tainted, { spec: { tolerations: [{ key: 'a', operator: 'Exists', effect: 'NoExecute' }] } }),
      undefined,
    );
  });

  test('place() prefers free nodes, preferred labels, and nodes without soft taints', () => {
    const cluster = three({
      0: { spec: { taints: [{ key: 'old', effect: 'PreferNoSchedule' }] } },
      2: { labels: { disk: 'ssd' } },
    });
    assert.equal(chosen(cluster, {}), 'n1');
    const ssd = {
      weight: 10,
      preference: { matchExpressions: [{ key: 'disk', operator: 'In' as const, values: ['ssd'] }] },
    };
    const wanting = {
      spec: { affinity: { nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [ssd] } } },
    };
    assert.equal(chosen(cluster, wanting), 'n2');
    settle(cluster, { requests: { cpu: '3', memory: '6Gi' } }, 'n1');
    assert.equal(chosen(cluster, {}), 'n2');
  });

  test('place() sends the pods of a service to different nodes', () => {
    const cluster = three();
    cluster.selectorOwners.setService('default', 'web', { app: 'web' });
    const nodes = [1, 2, 3].map(() => settle(cluster, { labels: { app: 'web' } }));
    assert.deepEqual(nodes.toSorted(), ['n0', 'n1', 'n2']);
  });

  test('place() keeps hard spreading within its skew', () => {
    const cluster = zoned();
    const pod = { labels: { app: 'web' }, spec: { topologySpreadConstraints: [spread(zone)] } };
    const zones = Array.from({ length: 6 }, () => settle(cluster, pod));
    assert.deepEqual(
      Object.values(Object.groupBy(zones, (name) => name)).map((list) => list!.length),
      [2, 2, 2],
    );
    cluster.removeNode('n-a');
    settle(cluster, pod);
    settle(cluster, pod);
  });

  test('place() keeps anti-affine pods apart, and others away from them', () => {
    const cluster = three();
    const lonely = {
      labels: { app: 'web' },
      spec: { affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [near('web', host)] } } },
    };
    const nodes = [1, 2, 3].map(() => settle(cluster, lonely));
    assert.deepEqual(nodes.toSorted(), ['n0', 'n1', 'n2']);
    assert.equal(refusal(cluster, lonely), "0/3 nodes are available: 3 node(s) didn't match pod anti-affinity rules.");
    assert.equal(
      refusal(cluster, { labels: { app: 'web' } }),
      "0/3 nodes are available: 3 node(s) didn't satisfy existing pods anti-affinity rules.",
    );
    assert.ok(chosen(cluster, { labels: { app: 'other' } }));
  });

  test('place() lets the first of a group start anywhere and the others join it', () => {
    const cluster = zoned();
    const sociable = {
      labels: { app: 'web' },
      spec: { affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [near('web', zone)] } } },
    };
    const first = settle(cluster, sociable);
    assert.equal(settle(cluster, sociable), first);
    cluster.setNode(sampleNode('n-d', { labels: { [zone]: first.slice(2) } }));
    for (let i = 0; i < 4; i++) assert.ok([first, 'n-d'].includes(settle(cluster, sociable)));
  });

  test('place() follows namespace selectors as labels of namespaces change', () => {
    const cluster = zoned();
    const namespace = (labels: Record<string, string>) =>
      cluster.setNamespace({
        apiVersion: 'v1',
        kind: 'Namespace',
        metadata: { name: 'other', uid: 'u', resourceVersion: '1', creationTimestamp: '', labels },
        spec: {},
      });
    namespace({ team: 'a' });
    settle(cluster, { namespace: 'other', labels: { app: 'web' } }, 'n-b');
    const term = { ...near('web', zone), namespaceSelector: { matchLabels: { team: 'a' } } };
    const pod = { spec: { affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } } } };
    assert.equal(chosen(cluster, pod), 'n-b');
    namespace({ team: 'b' });
    assert.equal(chosen(cluster, pod), undefined);
  });

  test('place() keeps promised room for its pod, but not from pods of higher priority', () => {
    const cluster = clusterOf(sampleNode('n'));
    const promised = samplePod({ requests: { cpu: '3' }, spec: { priority: 10 } });
    cluster.nominate(podInfo(promised), 'n');
    assert.equal(chosen(cluster, { requests: { cpu: '2' } }), undefined);
    assert.equal(chosen(cluster, { requests: { cpu: '2' }, spec: { priority: 11 } }), 'n');
    assert.equal(place(podInfo(promised), cluster, turn).node?.name, 'n');
  });

  test('feasibleNodesToFind() looks at all of a small cluster and a share of a large one', () => {
    assert.deepEqual([3, 99, 100, 1000, 5000, 15000].map(feasibleNodesToFind), [3, 99, 100, 420, 500, 750]);
  });
});

test('place() never overcommits a node, whatever comes and goes', () => {
  const size = fc.record({ cpu: fc.integer({ min: 0, max: 3000 }), memory: fc.integer({ min: 0, max: 4096 }) });
  const step = fc.oneof(
    { weight: 3, arbitrary: fc.record({ add: size }) },
    { weight: 1, arbitrary: fc.record({ drop: fc.nat(20) }) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 1, max: 4 }), (steps, nodes) => {
      const cluster = clusterOf(
        ...Array.from({ length: nodes }, (_, i) => sampleNode(`n${i}`, { allocatable: { pods: '6' } })),
      );
      const running: string[] = [];
      for (const step of steps) {
        if ('add' in step) {
          const requests = { cpu: `${step.add.cpu}m`, memory: `${step.add.memory}Mi` };
          const info = podInfo(samplePod({ requests }));
          const { node } = place(info, cluster, turn);
          if (node) {
            cluster.setPod(info, node.name);
            running.push(info.uid);
          }
        } else if (running.length > 0) {
          cluster.removePod(running.splice(step.drop % running.length, 1)[0]!);
        }
        for (const node of cluster.nodes) {
          assert.ok(node.cpuMillis <= 4000 && node.memoryBytes <= 8 * 2 ** 30 && node.pods.size <= 6);
          const sum = [...node.pods.values()].reduce((total, { shape }) => total + shape.requests.cpuMillis, 0);
          assert.equal(node.cpuMillis, sum);
        }
      }
    }),
    { numRuns: 60 },
  );
});

function near(app: string, topologyKey: string) {
  return { topologyKey, labelSelector: { matchLabels: { app } } };
}

function spread(topologyKey: string) {
  return {
    topologyKey,
    maxSkew: 1,
    whenUnsatisfiable: 'DoNotSchedule' as const,
    labelSelector: { matchLabels: { app: 'web' } },
  };
}

function daemonOn(name: Node['metadata']['name']): Partial<PodSpec> {
  const matchFields = [{ key: 'metadata.name', operator: 'In' as const, values: [name] }];
  return {
    affinity: {
      nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchFields }] } },
    },
  };
}

test('place() sends a pod to where a volume waits for its claim', () => {
  const cluster = three();
  const metadata = { namespace: 'default', uid: 'u', resourceVersion: '1', creationTimestamp: '' };
  const core = { apiVersion: 'v1', metadata: { ...metadata, name: 'data' } };
  cluster.volumes.classes.set('local', {
    ...core,
    kind: 'StorageClass',
    apiVersion: 'storage.k8s.io/v1',
    provisioner: 'kubernetes.io/no-provisioner',
    volumeBindingMode: 'WaitForFirstConsumer',
  });
  const resources = { requests: { storage: '1Gi' } };
  const spec = { accessModes: ['ReadWriteOnce' as const], storageClassName: 'local' };
  cluster.volumes.claims.set('default/data', { ...core, kind: 'PersistentVolumeClaim', spec: { ...spec, resources } });
  const pod = { spec: { volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }] } };
  assert.equal(
    refusal(cluster, pod),
    "0/3 nodes are available: 3 node(s) didn't find available persistent volumes to bind.",
  );
  const terms = [{ matchExpressions: [{ key: host, operator: 'In' as const, values: ['n1'] }] }];
  cluster.volumes.volumes.set('data', {
    ...core,
    kind: 'PersistentVolume',
    spec: { ...spec, capacity: { storage: '2Gi' }, nodeAffinity: { required: { nodeSelectorTerms: terms } } },
    status: { phase: 'Available' },
  });
  assert.equal(chosen(cluster, pod), 'n1');
});
