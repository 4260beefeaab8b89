/** A node that runs short: on a small disk of its own, and with little memory for its pods. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import os from 'node:os';
import type { EventList, Node, Pod, PodSpec } from '#lib/kinds/gen/core-v1.ts';
import { conditionOf } from '#lib/meta/conditions.ts';
import { assertNothingRemains, eventually, startTestCluster } from '../harness/cluster.ts';
import type { TestCluster } from '../harness/cluster.ts';
import { reconfigure } from '../harness/reconfigure.ts';
import { makeSmallDisk } from '../harness/small-disk.ts';
import type { SmallDisk } from '../harness/small-disk.ts';
import { container, forever } from './place.ts';

const name = 'node-1';
const mebi = 1024 * 1024;

suite('a node that runs short', function () {
  this.timeout(120_000);
  let disk: SmallDisk;
  let cluster: TestCluster;

  const run = (pod: string, spec: Partial<PodSpec>) =>
    cluster.apply({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: pod, namespace: 'default' },
      spec: { terminationGracePeriodSeconds: 1, nodeName: name, ...spec },
    });
  const pod = (which: string) => cluster.get<Pod>('pod', which);
  const phase = (which: string, wanted: string) =>
    eventually(`${which} is ${wanted}`, async () => (await pod(which)).status?.phase === wanted);
  const condition = async (type: string) => {
    const { status } = await cluster.get<Node>('node', name);
    return conditionOf(status?.conditions, type);
  };
  const tainted = (key: string) =>
    eventually(`the taint ${key}`, async () => {
      const { spec } = await cluster.get<Node>('node', name);
      return spec.taints?.some((taint) => taint.key === key && taint.effect === 'NoSchedule');
    });

  /** The file of one of the node's cgroups, by its name in v1 or v2. */
  const cgroupFile = (controller: string, cgroup: string, v1: string, v2: string) => {
    const folder = `${cluster.layout.nodes[0]!.cgroupRoot}/${cgroup}`;
    const file = `/sys/fs/cgroup/${controller}${folder}/${v1}`;
    return existsSync(file) ? { file, isV2: false } : { file: `/sys/fs/cgroup${folder}/${v2}`, isV2: true };
  };
  const weightOf = (shares: number) => Math.floor(1 + ((shares - 2) * 9999) / 262_142);

  suiteSetup(async function () {
    this.timeout(180_000);
    disk = await makeSmallDisk(1024 * mebi);
    cluster = await startTestCluster('short', 1, disk.folder);
    const total = Math.floor(os.totalmem() / mebi);
    await reconfigure(cluster, name, {
      kubeReserved: { memory: `${total - 400}Mi`, cpu: '100m' },
      eviction: {
        // What is near a threshold is watched closely: the tests need not wait.
        hard: { 'memory.available': '210Mi', 'nodefs.available': '50%' },
        pressureTransitionPeriod: '2s',
      },
    });
    await eventually('the default account', () => cluster.kubectl('get', 'serviceaccount', 'default'));
  });
  suiteTeardown(async function () {
    this.timeout(180_000);
    await cluster?.remove();
    if (cluster) await assertNothingRemains(cluster.layout);
    await disk?.remove();
  });

  test('reservations are missing from what pods may use, and hold them all together', async () => {
    const { status } = await cluster.get<Node>('node', name);
    const kibi = (text: unknown) => Number(/^(\d+)Ki$/.exec(String(text))?.[1]) * 1024;
    const limit = os.totalmem() - (Math.floor(os.totalmem() / mebi) - 400) * mebi;
    assert.equal(kibi(status?.allocatable?.['memory']), limit - 210 * mebi);
    assert.equal(status?.allocatable?.['cpu'], `${os.availableParallelism() * 1000 - 100}m`);
    await eventually('the event', async () => {
      const events = await cluster.get<EventList>('events', '--field-selector=involvedObject.kind=Node');
      return events.items.some(({ reason }) => reason === 'NodeAllocatableEnforced');
    });
    const memory = cgroupFile('memory', 'kubepods', 'memory.limit_in_bytes', 'memory.max');
    assert.equal(Number(readFileSync(memory.file, 'utf8')), limit);
  });

  test('classes of pods share the processor by what their pods ask for', async () => {
    const sharesOf = (cgroup: string) => {
      const { file, isV2 } = cgroupFile('cpu', cgroup, 'cpu.shares', 'cpu.weight');
      return { is: Number(readFileSync(file, 'utf8')), as: (shares: number) => (isV2 ? weightOf(shares) : shares) };
    };
    const has = (cgroup: string, shares: number) => {
      const { is, as } = sharesOf(cgroup);
      return is === as(shares);
    };
    assert.ok(has('kubepods', Math.floor(((os.availableParallelism() * 1000 - 100) * 1024) / 1000)));
    assert.ok(has('kubepods/besteffort', 2));
    const resources = { requests: { cpu: '250m' } };
    await run('asks', { containers: [container(forever, { resources })] });
    await phase('asks', 'Running');
    const { uid } = (await pod('asks')).metadata;
    assert.ok(has('kubepods/burstable', 256));
    assert.ok(has(`kubepods/burstable/pod${uid}`, 256));
    await cluster.kubectl('delete', 'pod', 'asks', '--now');
    await eventually('nothing asked', () => has('kubepods/burstable', 2));
  });

  test('short of memory it evicts the pod that is furthest beyond its requests, and takes no more of its sort', async () => {
    const requests = { memory: '150Mi' };
    await run('modest', { containers: [container(forever, { resources: { requests } })] });
    await phase('modest', 'Running');
    await run('hog', {
      containers: [
        container(`dd if=/dev/zero of=/memory/x bs=1M count=250; ${forever}`, {
          volumeMounts: [{ name: 'memory', mountPath: '/memory' }],
        }),
      ],
      volumes: [{ name: 'memory', emptyDir: { medium: 'Memory' } }],
    });
    await phase('hog', 'Failed');
    const { status } = await pod('hog');
    assert.equal(status?.reason, 'Evicted');
    assert.match(
      status.message ?? '',
      /^The node was low on resource: memory\. Threshold quantity: 210Mi, available: \d+Ki\. Container app was using \d+Ki, request is 0, has larger consumption of memory\. $/,
    );
    const disruption = conditionOf(status.conditions, 'DisruptionTarget');
    assert.deepEqual(
      [disruption?.status, disruption?.reason, disruption?.message],
      ['True', 'TerminationByKubelet', status.message],
    );
    assert.equal((await pod('modest')).status?.phase, 'Running');
    const { items } = await cluster.get<EventList>('events');
    const evicted = items.find(({ reason, involvedObject }) => reason === 'Evicted' && involvedObject.name === 'hog');
    assert.equal(evicted?.message, status.message);
    assert.equal(evicted?.metadata.annotations?.['starved_resource'], 'memory');
    assert.ok(items.some(({ message }) => message === 'Attempting to reclaim memory'));
    await eventually('the condition ends', async () => (await condition('MemoryPressure'))?.status === 'False');
  });

  test('while it is short of memory it refuses pods that do not say what they need, and spares the system’s', async () => {
    await cluster.kubectl('delete', 'pod', '--all', '--now');
    await reconfigure(cluster, name, { eviction: { hard: { 'memory.available': '390Mi' } } });
    await run('filler', {
      priorityClassName: 'system-node-critical',
      containers: [
        container(`dd if=/dev/zero of=/memory/x bs=1M count=30; ${forever}`, {
          volumeMounts: [{ name: 'memory', mountPath: '/memory' }],
        }),
      ],
      volumes: [{ name: 'memory', emptyDir: { medium: 'Memory' } }],
    });
    await eventually('the condition', async () => (await condition('MemoryPressure'))?.status === 'True');
    assert.equal((await condition('MemoryPressure'))?.reason, 'KubeletHasInsufficientMemory');
    await tainted('node.kubernetes.io/memory-pressure');
    await run('late', { containers: [container(forever)] });
    await phase('late', 'Failed');
    const { status } = await pod('late');
    assert.deepEqual(
      [status?.reason, status?.message],
      ['Evicted', 'Pod was rejected: The node had condition: [MemoryPressure]. '],
    );
    assert.equal((await pod('filler')).status?.phase, 'Running');
    await cluster.kubectl('delete', 'pod', '--all', '--now');
  });

  test('short of disk it evicts the pod that has written most', async () => {
    await reconfigure(cluster, name, {
      eviction: { hard: { 'nodefs.available': '50%' }, pressureTransitionPeriod: '2s' },
    });
    await run('tidy', { containers: [container(forever)] });
    await phase('tidy', 'Running');
    await run('writer', {
      containers: [
        container(`fallocate -l 700M /data/x; ${forever}`, { volumeMounts: [{ name: 'data', mountPath: '/data' }] }),
      ],
      volumes: [{ name: 'data', emptyDir: {} }],
    });
    await phase('writer', 'Failed');
    const { status } = await pod('writer');
    assert.equal(status?.reason, 'Evicted');
    assert.match(
      status.message ?? '',
      /^The node was low on resource: ephemeral-storage\. Threshold quantity: \d+(?:Ki)?, available: \d+Ki\. /,
    );
    assert.equal((await pod('tidy')).status?.phase, 'Running');
    await eventually('the condition ends', async () => (await condition('DiskPressure'))?.status === 'False');
  });

  test('short of processes for longer than a soft threshold allows, it evicts, and says what it is short of', async () => {
    await run('many', { containers: [container(forever)] });
    await phase('many', 'Running');
    // More than there can be is always too little.
    const most = readFileSync('/proc/sys/kernel/pid_max', 'utf8').trim();
    await reconfigure(cluster, name, {
      eviction: {
        hard: {},
        soft: { 'pid.available': most },
        softGracePeriod: { 'pid.available': '2s' },
        pressureTransitionPeriod: '2s',
      },
    });
    await eventually('the condition', async () => (await condition('PIDPressure'))?.status === 'True');
    assert.equal((await condition('PIDPressure'))?.reason, 'KubeletHasInsufficientPID');
    await tainted('node.kubernetes.io/pid-pressure');
    await phase('many', 'Failed');
    assert.match(
      (await pod('many')).status?.message ?? '',
      /^The node was low on resource: pids\. Threshold quantity: \d+k?, available: \d+k?\. $/,
    );
    await reconfigure(cluster, name, { eviction: {} });
    await eventually('the condition ends', async () => (await condition('PIDPressure'))?.status === 'False');
  });

  test('a node that is told to refuses containers more than their limit, and nobody has to go', async () => {
    await reconfigure(cluster, name, { ephemeralStorage: 'refuse' });
    await run('bounded', {
      containers: [
        container(`dd if=/dev/zero of=/x bs=1M count=20; ${forever}`, {
          resources: { limits: { 'ephemeral-storage': '10Mi' } },
        }),
      ],
    });
    await eventually('the refusal', async () => (await cluster.kubectl('logs', 'bounded')).includes('No space left'));
    assert.equal((await pod('bounded')).status?.phase, 'Running');
    await cluster.kubectl('delete', 'pod', 'bounded', '--now');
  });
});
