/** SIGTERM ends the processes of a cluster quickly, whoever else is away: nobody waits for an answer that cannot come. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { assertNothingRemains, eventually, startTestCluster, testImage } from '../harness/cluster.ts';
import type { TestCluster } from '../harness/cluster.ts';

/** Far below the ten seconds and more that calls have, and far above what a busy machine adds to one or two. */
const quickMs = 6000;

suite('shutdown', function () {
  this.timeout(240_000);
  let cluster: TestCluster;
  suiteSetup(async () => {
    cluster = await startTestCluster('shutdown', 1);
    await cluster.kubectl('run', 'sleeper', `--image=${testImage}`);
    await cluster.kubectl('wait', '--for=condition=Ready', 'pod/sleeper', '--timeout=60s');
  });
  suiteTeardown(async () => {
    await cluster.remove();
    await assertNothingRemains(cluster.layout);
  });

  const supervisorOf = (name: string) => Number(readFileSync(`${cluster.layout.runDir}/${name}.pid`, 'utf8'));
  /** Ends a process and what would start it again. */
  const takeAway = (name: string, signal: NodeJS.Signals) => {
    const pid = cluster.pidOf(name);
    process.kill(supervisorOf(name), 'SIGKILL');
    process.kill(pid, signal);
    return pid;
  };
  /** Asks for the end of processes by their supervisors, as `wherry down` does, and says how long they took. */
  const end = async (...names: string[]) => {
    const pids = names.map((name) => cluster.pidOf(name));
    const begin = performance.now();
    for (const name of names) process.kill(supervisorOf(name), 'SIGTERM');
    await eventually('the processes are gone', () => pids.every((pid) => !existsSync(`/proc/${pid}`)));
    return performance.now() - begin;
  };

  const cases: { title: string; away?: string; signal?: NodeJS.Signals; ended: string[] }[] = [
    { title: 'all is well', ended: ['node-1', 'control-plane'] },
    { title: 'etcd was killed', away: 'etcd', signal: 'SIGKILL', ended: ['node-1', 'control-plane'] },
    { title: 'etcd does not answer', away: 'etcd', signal: 'SIGSTOP', ended: ['node-1', 'control-plane'] },
    { title: 'the API server was killed', away: 'control-plane', signal: 'SIGKILL', ended: ['node-1'] },
    { title: 'the API server does not answer', away: 'control-plane', signal: 'SIGSTOP', ended: ['node-1'] },
  ];
  for (const { title, away, signal, ended } of cases) {
    test(`when ${title}`, async () => {
      const stopped = away === undefined ? undefined : takeAway(away, signal!);
      // A write that gets no answer is under way, both there and at the node.
      await cluster.kubectl('--request-timeout=1s', 'label', 'pod', 'sleeper', `case=${away}`).catch(() => {});
      const took = await end(...ended);
      if (stopped !== undefined && signal === 'SIGSTOP') process.kill(stopped, 'SIGKILL');
      assert.ok(took < quickMs, `took ${Math.round(took)} ms`);
      await cluster.wherry('up');
    });
  }
});
