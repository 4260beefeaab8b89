/** `wherry up` and `down`: state survives, nothing else does. */
import assert from 'node:assert/strict';
import { assertNothingRemains, eventually, startTestCluster, testImage } from '../harness/cluster.ts';
import type { TestCluster } from '../harness/cluster.ts';

suite('wherry up and down', function () {
  this.timeout(240_000);
  let cluster: TestCluster;
  suiteSetup(async () => {
    cluster = await startTestCluster('updown', 1);
  });
  suiteTeardown(async () => {
    await cluster.remove();
    await assertNothingRemains(cluster.layout);
  });

  test('down leaves nothing running, up brings objects and pods back', async () => {
    await cluster.kubectl('create', 'configmap', 'kept', '--from-literal=a=b');
    await cluster.kubectl('run', 'sleeper', `--image=${testImage}`);
    await cluster.kubectl('wait', '--for=condition=Ready', 'pod/sleeper', '--timeout=60s');
    const uid = await cluster.kubectl('get', 'pod', 'sleeper', '-o', 'jsonpath={.metadata.uid}');
    await cluster.wherry('down');
    await assertNothingRemains(cluster.layout);
    await cluster.wherry('down');
    await cluster.wherry('up');
    assert.equal(await cluster.kubectl('get', 'configmap', 'kept', '-o', 'jsonpath={.data.a}'), 'b');
    await eventually(
      'the pod runs again',
      async () => (await cluster.kubectl('exec', 'sleeper', '--', 'echo', 'alive')) === 'alive\n',
    );
    assert.equal(await cluster.kubectl('get', 'pod', 'sleeper', '-o', 'jsonpath={.metadata.uid}'), uid);
    const restarts = await cluster.kubectl(
      'get',
      'pod',
      'sleeper',
      '-o',
      'jsonpath={.status.containerStatuses[0].restartCount}',
    );
    assert.equal(restarts, '1');
  });

  test('up on a running cluster changes nothing', async () => {
    const pids = ['etcd', 'control-plane', 'node-1'].map((name) => cluster.pidOf(name));
    await cluster.wherry('up');
    assert.deepEqual(
      ['etcd', 'control-plane', 'node-1'].map((name) => cluster.pidOf(name)),
      pids,
    );
  });

  test('up --nodes 2 adds a node to a running cluster', async () => {
    await cluster.wherry('up', '--nodes', '2');
    assert.match(await cluster.kubectl('get', 'nodes'), /node-2\s+Ready/);
    await assert.rejects(cluster.wherry('up', '--nodes', '1'), /Cannot shrink cluster/);
  });
});
