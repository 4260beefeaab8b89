import assert from 'node:assert/strict';
import { makeFakeClient } from '#lib/client/fake.ts';
import { makeFakeEnv } from '#lib/env/fake.ts';
import { lease } from '#lib/kinds/lease.ts';
import { node as nodeKind } from '#lib/kinds/node.ts';
import { conditionOf } from '#lib/meta/conditions.ts';
import { nodeLabels } from './node-status.ts';
import type { NodeInputs } from './node-status.ts';
import { register } from './registration.ts';

const ref = { namespace: '', name: 'n1' };
const leaseRef = { namespace: 'kube-node-lease', name: 'n1' };
const never = new AbortController().signal;

function setUp() {
  const env = makeFakeEnv();
  const client = makeFakeClient(env);
  const inputs: NodeInputs = {
    nodeName: 'n1',
    address: '10.0.0.1',
    agentPort: 10250,
    machine: {
      cpus: 2,
      memoryBytes: 2 ** 30,

      swapBytes: 0,
      hugePages: [],
      storageBytes: 2 ** 40,
      maxPids: 32_768,
      machineId: 'm',
      systemUuid: 's',
      bootId: 'b',
      kernel: '6.1',
      osImage: 'Debian',
      architecture: 'amd64',
    },
    resources: { capacity: { memory: '1Gi' }, allocatable: { memory: '924Mi' } },
    images: [],
    features: { noUserNamespaces: undefined, recursiveReadOnly: true },
    pressure: [],
    notReady: 'not yet',
  };
  const parts = {
    client,
    env,
    labels: nodeLabels('n1', 'amd64', { zone: 'a' }),
    inputs: () => Promise.resolve(inputs),
  };
  return { env, client, inputs, parts };
}

suite('node-agent/node/registration', () => {
  test('register() makes the Node with labels, capacity and upstream conditions', async () => {
    const { client, env, parts, inputs } = setUp();
    const registration = await register(parts, never);
    const node = await client.get(nodeKind, ref);
    assert.equal(node.metadata.labels?.['kubernetes.io/hostname'], 'n1');
    assert.equal(node.metadata.labels?.['zone'], 'a');
    assert.deepEqual(node.status?.runtimeHandlers, [
      { name: '', features: { recursiveReadOnlyMounts: true, userNamespaces: true } },
    ]);
    assert.deepEqual(node.status?.features, { supplementalGroupsPolicy: true });
    assert.deepEqual(node.status?.capacity?.['memory'], '1Gi');
    assert.deepEqual(node.status?.allocatable?.['memory'], '924Mi');
    assert.deepEqual(
      node.status?.conditions?.map(({ type, status, reason }) => [type, status, reason]),
      [
        ['MemoryPressure', 'False', 'KubeletHasSufficientMemory'],
        ['DiskPressure', 'False', 'KubeletHasNoDiskPressure'],
        ['PIDPressure', 'False', 'KubeletHasSufficientPID'],
        ['Ready', 'False', 'KubeletNotReady'],
      ],
    );
    inputs.notReady = undefined;
    registration.update();
    await env.advance(10);
    const ready = conditionOf((await client.get(nodeKind, ref)).status?.conditions, 'Ready');
    assert.deepEqual([ready?.status, ready?.reason], ['True', 'KubeletReady']);
    await registration.stop();
  });

  test('register() renews the lease each ten seconds, and writes the status when it says something new', async () => {
    const { client, env, parts, inputs } = setUp();
    const registration = await register(parts, never);
    await env.advance(1);
    const renewed = async () => (await client.get(lease, leaseRef)).spec?.renewTime;
    const version = async () => (await client.get(nodeKind, ref)).metadata.resourceVersion;
    const [firstTime, firstVersion] = [await renewed(), await version()];
    await env.advance(25_000);
    assert.notEqual(await renewed(), firstTime);
    assert.equal(await version(), firstVersion);
    inputs.pressure = ['DiskPressure'];
    await env.advance(11_000);
    const disk = conditionOf((await client.get(nodeKind, ref)).status?.conditions, 'DiskPressure');
    assert.deepEqual([disk?.status, disk?.reason], ['True', 'KubeletHasDiskPressure']);
    const heartbeat = disk?.lastHeartbeatTime;
    await env.advance(300_000);
    const later = conditionOf((await client.get(nodeKind, ref)).status?.conditions, 'DiskPressure');
    assert.notEqual(later?.lastHeartbeatTime, heartbeat);
    assert.equal(later?.lastTransitionTime, disk?.lastTransitionTime);
    await registration.stop();
  });

  test('a change that is told of is written at once, and what says nothing new five minutes after the last', async () => {
    const { client, env, parts, inputs } = setUp();
    inputs.notReady = undefined;
    const registration = await register(parts, never);
    const seen = async () => {
      const { metadata, status } = await client.get(nodeKind, ref);
      const { message, lastHeartbeatTime } = conditionOf(status?.conditions, 'Ready')!;
      return { version: metadata.resourceVersion, message, lastHeartbeatTime };
    };
    await env.advance(20_000);
    const before = await seen();
    inputs.notReady = 'node is shutting down';
    await registration.write();
    const after = await seen();
    assert.deepEqual([before.message, after.message], ['kubelet is posting ready status', 'node is shutting down']);
    // Many may tell of what is known already.
    for (let i = 0; i < 5; i++) registration.update();
    await env.advance(289_000);
    assert.deepEqual(await seen(), after);
    await env.advance(21_000);
    assert.notEqual((await seen()).lastHeartbeatTime, after.lastHeartbeatTime);
    await registration.stop();
  });

  test('observe() mends at once what others have written', async () => {
    const { client, env, parts, inputs } = setUp();
    inputs.notReady = undefined;
    const registration = await register(parts, never);
    const lost = [{ type: 'Ready', status: 'Unknown', reason: 'NodeStatusUnknown' }];
    const patch = { status: { conditions: lost } };
    const how = { subresource: 'status' };
    registration.observe(await client.patch(nodeKind, ref, 'application/strategic-merge-patch+json', patch, how));
    await env.advance(10);
    const ready = conditionOf((await client.get(nodeKind, ref)).status?.conditions, 'Ready');
    assert.deepEqual([ready?.status, ready?.reason], ['True', 'KubeletReady']);
    await registration.stop();
  });

  test('register() adopts its Node after a restart', async () => {
    const { client, parts } = setUp();
    await (await register(parts, never)).stop();
    const { uid } = (await client.get(nodeKind, ref)).metadata;
    await (await register({ ...parts, labels: { ...parts.labels, zone: 'b' } }, never)).stop();
    const { metadata } = await client.get(nodeKind, ref);
    assert.deepEqual([metadata.uid, metadata.labels?.['zone']], [uid, 'b']);
  });
});
