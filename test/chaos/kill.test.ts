/** kill -9 of every process in turn, under a running workload: nothing acknowledged is lost, nothing runs twice. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { assertNothingRemains, eventually, startTestCluster, testImage } from '../harness/cluster.ts';
import type { TestCluster } from '../harness/cluster.ts';

interface Pod {
  metadata: { uid: string };
  status: {
    containerStatuses: {
      restartCount: number;
      containerID: string;
      ready: boolean;
      lastState: { terminated?: { exitCode: number; reason: string } };
    }[];
  };
}

suite('kill -9', function () {
  this.timeout(240_000);
  let cluster: TestCluster;
  suiteSetup(async () => {
    cluster = await startTestCluster('kill', 1);
    await cluster.kubectl(
      'run',
      'counter',
      `--image=${testImage}`,
      '--command',
      '--',
      'sh',
      '-c',
      'i=0; while :; do i=$((i+1)); echo count $i; sleep 0.05; done',
    );
    await cluster.kubectl('wait', '--for=condition=Ready', 'pod/counter', '--timeout=60s');
  });
  suiteTeardown(async () => {
    await cluster.remove();
    await assertNothingRemains(cluster.layout);
  });

  const kill = (name: string) => {
    const pid = cluster.pidOf(name);
    process.kill(pid, 'SIGKILL');
    return pid;
  };
  const counter = () => cluster.get<Pod>('pod', 'counter');

  test('the agent: no container is touched, no log line is lost', async () => {
    const before = await counter();
    for (let round = 0; round < 3; round++) {
      const pid = kill('node-1');
      await eventually('the agent runs again', () => cluster.pidOf('node-1') !== pid);
      await eventually(
        'exec works again',
        async () => (await cluster.kubectl('exec', 'counter', '--', 'echo', 'here')) === 'here\n',
      );
    }
    const after = await counter();
    assert.equal(after.status.containerStatuses[0]!.containerID, before.status.containerStatuses[0]!.containerID);
    assert.equal(after.status.containerStatuses[0]!.restartCount, 0);
    const lines = (await cluster.kubectl('logs', 'counter')).trimEnd().split('\n');
    assert.deepEqual(
      lines,
      lines.map((_, i) => `count ${i + 1}`),
    );
  });

  test('a container: it is started again, and its end is told', async () => {
    await cluster.kubectl('run', 'mortal', `--image=${testImage}`);
    await cluster.kubectl('wait', '--for=condition=Ready', 'pod/mortal', '--timeout=60s');
    const before = (await cluster.get<Pod>('pod', 'mortal')).status.containerStatuses[0]!;
    process.kill(initOf(before.containerID), 'SIGKILL');
    const after = await eventually('another container is ready', async () => {
      const status = (await cluster.get<Pod>('pod', 'mortal')).status.containerStatuses[0]!;
      return status.ready && status.containerID !== before.containerID && status;
    });
    assert.equal(after.restartCount, 1);
    assert.deepEqual([after.lastState.terminated?.exitCode, after.lastState.terminated?.reason], [137, 'Error']);
  });

  for (const victim of ['control-plane', 'etcd']) {
    test(`${victim}: every acknowledged write is there afterwards, and new pods start`, async () => {
      const written: string[] = [];
      const stop = new AbortController();
      const writer = (async () => {
        for (let i = 0; !stop.signal.aborted; i++) {
          const name = `${victim}-${i}`;
          await cluster.kubectl('create', 'configmap', name, `--from-literal=i=${i}`).then(
            () => written.push(name),
            () => {},
          );
        }
      })();
      for (let round = 0; round < 2; round++) {
        const pid = kill(victim);
        await eventually(`${victim} runs again`, () => cluster.pidOf(victim) !== pid);
        await eventually('the API answers', () => cluster.kubectl('get', 'nodes'));
      }
      stop.abort();
      await writer;
      const names = new Set((await cluster.kubectl('get', 'configmaps', '-o', 'name')).split('\n'));
      assert.deepEqual(
        written.filter((name) => !names.has(`configmap/${name}`)),
        [],
      );
      await cluster.kubectl('run', `after-${victim}`, `--image=${testImage}`);
      await cluster.kubectl('wait', '--for=condition=Ready', `pod/after-${victim}`, '--timeout=60s');
      assert.equal((await counter()).status.containerStatuses[0]!.restartCount, 0);
    });
  }
});

/** The pid of a container's first process, as the machine counts: the one in its cgroup that is 1 in its own namespace. */
function initOf(containerId: string): number {
  const id = containerId.replace(/^.*:\/\//, '');
  for (const pid of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    try {
      const own = /^NSpid:.*\s(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
      if (own === '1' && readFileSync(`/proc/${pid}/cgroup`, 'utf8').includes(id)) return Number(pid);
    } catch (error) {
      // Processes end while we look.
      if (!['ENOENT', 'ESRCH'].includes(String((error as NodeJS.ErrnoException).code))) throw error;
    }
  }
  throw new Error(`No process of container ${id}`);
}
