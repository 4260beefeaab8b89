/** What a node does only when told so: whole processors for guaranteed pods, and a limit of processes for each pod. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import os from 'node:os';
import type { Pod, PodSpec } from '#lib/kinds/gen/core-v1.ts';
import { assertNothingRemains, eventually, startTestCluster } from '../harness/cluster.ts';
import type { TestCluster } from '../harness/cluster.ts';
import { reconfigure } from '../harness/reconfigure.ts';
import { container, forever } from './place.ts';

const name = 'node-1';
const options = { cpuManagerPolicy: 'static', kubeReserved: { cpu: '500m' }, podPidsLimit: 30 } as const;

suite('a node with options for resources (needs two processors)', function () {
  this.timeout(120_000);
  let cluster: TestCluster;
  const run = (pod: string, spec: Partial<PodSpec>) =>
    cluster.apply({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: pod, namespace: 'default' },
      spec: { terminationGracePeriodSeconds: 1, nodeName: name, ...spec },
    });
  const whole = (cpu: string) => ({
    containers: [container(forever, { resources: { limits: { cpu, memory: '32Mi' } } })],
  });
  const allowed = async (pod: string) =>
    (await cluster.kubectl('exec', pod, '--', 'sh', '-c', 'grep Cpus_allowed_list /proc/1/status')).split(/\s+/)[1];
  const mayUse = (pod: string, processors: string) =>
    eventually(`${pod} runs on ${processors}`, async () => (await allowed(pod)) === processors);
  const entries = () => {
    const file = `${cluster.layout.nodes[0]!.stateDir}/cpu_manager_state`;
    const saved = JSON.parse(readFileSync(file, 'utf8')) as { entries?: object };
    return Object.keys(saved.entries ?? {}).length;
  };
  const last = os.availableParallelism() - 1;
  const all = `0-${last}`;
  const without1 = last === 1 ? '0' : last === 2 ? '0,2' : `0,2-${last}`;

  suiteSetup(async function () {
    this.timeout(180_000);
    if (last < 1) return this.skip();
    cluster = await startTestCluster('cpus', 1);
    await reconfigure(cluster, name, options);
    await eventually('the default account', () => cluster.kubectl('get', 'serviceaccount', 'default'));
  });
  suiteTeardown(async function () {
    this.timeout(180_000);
    await cluster?.remove();
    if (cluster) await assertNothingRemains(cluster.layout);
  });

  test('one has its own, the others make room, and get it back, whatever happens to the agent', async () => {
    await run('shares', { containers: [container(forever)] });
    await mayUse('shares', all);
    await run('alone', whole('1'));
    const own = await eventually('a processor of its own', async () => {
      const found = await allowed('alone');
      return found !== undefined && /^\d+$/.test(found) && found;
    });
    assert.notEqual(own, '0');
    if (own === '1') await mayUse('shares', without1);
    await run('late', { containers: [container(forever)] });
    if (own === '1') await mayUse('late', without1);
    // The same configuration, after a kill.
    await reconfigure(cluster, name, options);
    assert.equal(entries(), 1);
    assert.equal(await allowed('alone'), own);
    if (own === '1') assert.equal(await allowed('shares'), without1);
    await cluster.kubectl('delete', 'pod', 'alone');
    await mayUse('shares', all);
    await mayUse('late', all);
    assert.equal(entries(), 0);
  });

  test('who asks for more than can be had alone is refused, and nothing is kept for him', async () => {
    // What is kept back is half a processor less than all, but a whole one stays shared.
    await run('greedy', whole(`${last + 1}`));
    const failed = await eventually('the refusal', async () => {
      const { status } = await cluster.get<Pod>('pod', 'greedy');
      return status?.phase === 'Failed' && status;
    });
    assert.match(failed.reason!, /^(OutOfcpu|UnexpectedAdmissionError)$/);
    await cluster.kubectl('delete', 'pod', 'greedy');
    assert.equal(entries(), 0);
  });

  test('a pod has no more processes than it may, and others have theirs', async () => {
    const many = 'i=0; while test $i -lt 60; do sleep 100 & i=$((i+1)); done; wait';
    await run('forks', { containers: [container(many)] });
    await eventually('a refusal by the kernel', async () =>
      /Resource temporarily unavailable/.test(await cluster.kubectl('logs', 'forks')),
    );
    assert.equal(await allowed('shares'), all);
  });

  test('another policy lets all run everywhere again', async () => {
    await run('pinned', whole('1'));
    await eventually('a processor of its own', async () => /^\d+$/.test((await allowed('pinned')) ?? ''));
    await reconfigure(cluster, name, { ...options, cpuManagerPolicy: 'none' });
    await mayUse('pinned', all);
  });
});
