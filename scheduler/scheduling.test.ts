import assert from 'node:assert/strict';
import { makeFakeClient } from '#lib/client/fake.ts';
import type { FakeClient } from '#lib/client/fake.ts';
import { makeFakeEnv } from '#lib/env/fake.ts';
import type { FakeEnv } from '#lib/env/fake.ts';
import { event } from '#lib/kinds/event.ts';
import type { Pod } from '#lib/kinds/gen/core-v1.ts';
import { node } from '#lib/kinds/node.ts';
import { pod } from '#lib/kinds/pod.ts';
import { conditionOf } from '#lib/meta/conditions.ts';
import { ApiError } from '#lib/meta/errors.ts';
import { sampleNode, samplePod } from './samples.ts';
import type { NodeSample, PodSample } from './samples.ts';
import { runScheduler } from './start.ts';

suite('the scheduler over an API in memory', () => {
  let env: FakeEnv;
  let client: FakeClient;
  let stopping: AbortController;
  let running: Promise<void>;

  const begin = (over: FakeClient = client) => {
    stopping = new AbortController();
    running = runScheduler({}, over, env, stopping.signal).catch(() => {});
  };
  const addNode = (name: string, sample?: NodeSample) => client.create(node, sampleNode(name, sample));
  const addPod = (sample: PodSample) => client.create(pod, samplePod(sample));
  const read = (name: string): Promise<Pod> => client.get(pod, { namespace: 'default', name });
  const nodeOf = async (name: string) => (await read(name)).spec.nodeName;
  const scheduled = async (name: string) => conditionOf((await read(name)).status?.conditions, 'PodScheduled');
  const told = async (name: string) =>
    (await client.list(event)).items
      .filter(({ involvedObject }) => involvedObject.name === name)
      .map(({ reason, message }) => `${reason}: ${message}`);

  setup(() => {
    env = makeFakeEnv();
    client = makeFakeClient(env);
  });

  teardown(async () => {
    stopping.abort();
    await running;
  });

  test('binds pods that were there before it, and those that come, and tells of it', async () => {
    await addNode('n');
    await addPod({ name: 'early' });
    begin();
    await env.advance(100);
    await addPod({ name: 'late' });
    await env.advance(100);
    assert.deepEqual([await nodeOf('early'), await nodeOf('late')], ['n', 'n']);
    assert.deepEqual(await told('late'), ['Scheduled: Successfully assigned default/late to n']);
  });

  test('parks what fits nowhere, says why, and places it as soon as a pod has gone', async () => {
    await addNode('n');
    await addPod({ name: 'big', requests: { cpu: '3' } });
    begin();
    await env.advance(100);
    await addPod({ name: 'next', requests: { cpu: '3' } });
    await env.advance(100);
    const message =
      '0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.';
    const condition = await scheduled('next');
    assert.deepEqual([condition?.status, condition?.reason, condition?.message], ['False', 'Unschedulable', message]);
    assert.deepEqual(await told('next'), [`FailedScheduling: ${message}`]);
    await env.advance(60_000);
    assert.equal((await told('next')).length, 1);
    await client.delete(pod, { namespace: 'default', name: 'big' }, { gracePeriodSeconds: 0 });
    await env.advance(100);
    assert.equal(await nodeOf('next'), 'n');
  });

  test('tries again when a node comes, after the rest of its first failure', async () => {
    begin();
    await addPod({ name: 'a' });
    await env.advance(100);
    assert.equal((await scheduled('a'))?.message, 'no nodes available to schedule pods');
    await addNode('n');
    await env.advance(800);
    assert.equal(await nodeOf('a'), undefined);
    await env.advance(200);
    assert.equal(await nodeOf('a'), 'n');
  });

  test('leaves gated pods and those of other schedulers alone', async () => {
    await addNode('n');
    await addPod({ name: 'gated', spec: { schedulingGates: [{ name: 'wait' }] } });
    await addPod({ name: 'foreign', spec: { schedulerName: 'other' } });
    begin();
    await env.advance(100);
    assert.equal((await scheduled('gated'))?.reason, 'SchedulingGated');
    assert.deepEqual([await nodeOf('gated'), await nodeOf('foreign')], [undefined, undefined]);
    await client.patch(pod, { namespace: 'default', name: 'gated' }, 'application/merge-patch+json', {
      spec: { schedulingGates: null },
    });
    await env.advance(100);
    assert.equal(await nodeOf('gated'), 'n');
  });

  test('gives the place back when the server refuses a binding, and tries again', async () => {
    await addNode('n', { allocatable: { cpu: '1' } });
    let refusals = 1;
    const stubborn: FakeClient = {
      ...client,
      post: (...args) => (refusals-- > 0 ? Promise.reject(new ApiError('Forbidden', 'not now')) : client.post(...args)),
    };
    begin(stubborn);
    await addPod({ name: 'a', requests: { cpu: '1' } });
    await env.advance(100);
    assert.equal((await scheduled('a'))?.reason, 'SchedulerError');
    await env.advance(1000);
    assert.equal(await nodeOf('a'), 'n');
  });

  test('takes a binding for done whose answer was lost', async () => {
    await addNode('n');
    let lost = 1;
    const unlucky: FakeClient = {
      ...client,
      async post(...args) {
        const answer = await client.post(...args);
        if (lost-- > 0) throw new ApiError('ServiceUnavailable', 'connection lost');
        return answer;
      },
    };
    begin(unlucky);
    await addPod({ name: 'a' });
    await env.advance(1000);
    assert.equal(await nodeOf('a'), 'n');
    assert.deepEqual(await told('a'), ['Scheduled: Successfully assigned default/a to n']);
  });

  test('evicts lesser pods for one of higher priority and keeps the room for it', async () => {
    await addNode('n');
    for (const name of ['low-1', 'low-2']) await addPod({ name, requests: { cpu: '2' } });
    begin();
    await env.advance(100);
    await addPod({ name: 'high', requests: { cpu: '3' }, spec: { priority: 100 } });
    await env.advance(100);
    const { status } = await read('high');
    assert.equal(status?.nominatedNodeName, 'n');
    for (const name of ['low-1', 'low-2']) {
      const victim = await read(name).catch(() => undefined);
      if (!victim) continue;
      assert.ok(victim.metadata.deletionTimestamp);
      const condition = conditionOf(victim.status?.conditions, 'DisruptionTarget');
      assert.equal(condition?.reason, 'PreemptionByScheduler');
      assert.match((await told(name)).join('\n'), /Preempted: Preempted by pod .* on node n/);
      await client.delete(pod, { namespace: 'default', name }, { gracePeriodSeconds: 0 });
    }
    await addPod({ name: 'thief', requests: { cpu: '2' } });
    await env.advance(2000);
    assert.equal(await nodeOf('high'), 'n');
    assert.equal(await nodeOf('thief'), undefined);
  });

  test('places hundreds of pods without overcommitting, and starts anew where another stopped', async () => {
    for (let i = 0; i < 10; i++) await addNode(`n${i}`, { allocatable: { pods: '30' } });
    for (let i = 0; i < 200; i++) await addPod({ name: `a${i}` });
    begin();
    await env.advance(5);
    stopping.abort();
    await running;
    for (let i = 0; i < 100; i++) await addPod({ name: `b${i}` });
    begin();
    await env.advance(2000);
    const { items } = await client.list(pod);
    const perNode = Object.groupBy(items, ({ spec }) => spec.nodeName ?? 'none');
    assert.deepEqual(
      Object.values(perNode).map((pods) => pods!.length),
      Array.from({ length: 10 }, () => 30),
    );
    assert.equal(perNode['none'], undefined);
  });
});
