import assert from 'node:assert/strict';
import { makeFakeEnv } from '#lib/env/fake.ts';
import { flowSchema } from '#lib/kinds/flow-schema.ts';
import { priorityLevelConfiguration } from '#lib/kinds/priority-level-configuration.ts';
import { made } from '#lib/kinds/testing/objects.ts';
import { makeRegistry } from '#lib/metrics/registry.ts';
import { requestInfoOf } from '../rest/request-info.ts';
import { dumpLevels, dumpQueues, dumpRequests } from './dumps.ts';
import { makeFlowControl } from './flow-control.ts';
import type { Turn } from './flow-control.ts';
import { measureFlows, measureLimits } from './meter.ts';
import { planOf } from './plan.ts';
import { startingFlowSchemas, startingPriorityLevels } from './suggested.ts';

const none = new URLSearchParams();
const pods = requestInfoOf('GET', '/api/v1/namespaces/a/pods', none);
const callerNamed = (name: string, ...groups: string[]) => ({ name, groups: [...groups, 'system:authenticated'] });
const everything = [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'], namespaces: ['*'], clusterScope: true }];

const schemaFor = (name: string, user: string, level: string) =>
  made(flowSchema, {
    metadata: { name, uid: `schema-${name}` },
    spec: {
      priorityLevelConfiguration: { name: level },
      matchingPrecedence: 10,
      distinguisherMethod: { type: 'ByUser' },
      rules: [{ subjects: [{ kind: 'User', user: { name: user } }], resourceRules: everything }],
    },
  });
const levelOf = (name: string, limited: object) =>
  made(priorityLevelConfiguration, { metadata: { name, uid: `level-${name}` }, spec: { type: 'Limited', limited } });
/** One queue with two places, for one flow after the other. */
const narrow = (name: string) =>
  levelOf(name, {
    nominalConcurrencyShares: 1,
    borrowingLimitPercent: 0,
    limitResponse: { type: 'Queue', queuing: { queues: 1, handSize: 1, queueLengthLimit: 2 } },
  });

function makeTest(schemas = [schemaFor('bob', 'bob', 'narrow')], levels = [narrow('narrow')]) {
  const env = makeFakeEnv();
  const registry = makeRegistry();
  const planWith = (more: typeof schemas, moreLevels: typeof levels) =>
    planOf(
      [...[...startingFlowSchemas].map(([name, spec]) => made(flowSchema, { metadata: { name }, spec })), ...more],
      [
        ...[...startingPriorityLevels].map(([name, spec]) =>
          made(priorityLevelConfiguration, { metadata: { name }, spec }),
        ),
        ...moreLevels,
      ],
    );
  const options = { seats: 20, waitMs: 15_000, meter: measureFlows(registry), seatsOf: () => 1 };
  const flows = makeFlowControl(planWith(schemas, levels), options, env);
  measureLimits(registry, flows.levels);
  const arrive = (name: string, ...groups: string[]) => flows.arrive(callerNamed(name, ...groups), pods, none, 0);
  const metric = (text: string) =>
    registry
      .render()
      .split('\n')
      .filter((line) => line.startsWith(`apiserver_flowcontrol_${text}`));
  return { env, flows, arrive, metric, planWith };
}

/** Whether the turn is granted by now; undefined while it waits. */
async function granted(turn: Turn): Promise<boolean | undefined> {
  return Promise.race([turn.granted, new Promise<undefined>((resolve) => setImmediate(() => resolve(undefined)))]);
}

suite('makeFlowControl()', () => {
  test('gives out a level’s seats, then places in its queue, then refuses', async () => {
    const { arrive, flows, metric } = makeTest();
    const turns = [1, 2, 3, 4].map(() => arrive('bob'));
    assert.deepEqual(await Promise.all(turns.map(granted)), [true, undefined, undefined, false]);
    assert.deepEqual(metric('rejected'), [
      'apiserver_flowcontrol_rejected_requests_total{priority_level="narrow",flow_schema="bob",reason="queue-full"} 1',
    ]);
    assert.deepEqual(metric('current_'), [
      'apiserver_flowcontrol_current_executing_requests{priority_level="narrow",flow_schema="bob"} 1',
      'apiserver_flowcontrol_current_executing_seats{priority_level="narrow",flow_schema="bob"} 1',
      'apiserver_flowcontrol_current_inqueue_requests{priority_level="narrow",flow_schema="bob"} 2',
      'apiserver_flowcontrol_current_inqueue_seats{priority_level="narrow",flow_schema="bob"} 2',
      ...metric('current_limit_seats'),
    ]);
    flows.leave(turns[0]!);
    flows.leave(turns[0]!);
    assert.deepEqual(await Promise.all(turns.slice(1).map(granted)), [true, undefined, false]);
    assert.deepEqual(metric('dispatched'), [
      'apiserver_flowcontrol_dispatched_requests_total{priority_level="narrow",flow_schema="bob"} 2',
    ]);
  });

  test('gives up after a quarter of the time that a request has, or when its client does', async () => {
    const { env, arrive, flows, metric } = makeTest();
    const [first, second, third] = [arrive('bob'), arrive('bob'), arrive('bob')];
    flows.leave(third);
    assert.equal(await granted(third), false);
    await env.advance(14_999);
    assert.equal(await granted(second), undefined);
    await env.advance(1);
    assert.equal(await granted(second), false);
    assert.deepEqual(metric('rejected'), [
      'apiserver_flowcontrol_rejected_requests_total{priority_level="narrow",flow_schema="bob",reason="cancelled"} 1',
      'apiserver_flowcontrol_rejected_requests_total{priority_level="narrow",flow_schema="bob",reason="time-out"} 1',
    ]);
    flows.leave(first);
    assert.deepEqual(metric('current_inqueue_requests')[0]!.at(-1), '0');
    assert.equal(arrive('bob').granted, true);
  });

  test('limits neither administrators nor probes', () => {
    const { arrive, flows } = makeTest();
    for (let i = 0; i < 500; i++) assert.equal(arrive('admin', 'system:masters').granted, true);
    const healthz = requestInfoOf('GET', '/healthz', none);
    assert.equal(flows.arrive(callerNamed('bob'), healthz, none, 0).level.name, 'exempt');
  });

  test('follows another plan; who is in a level that has gone is served there', async () => {
    const { arrive, flows, planWith, env, metric } = makeTest();
    const [first, second] = [arrive('bob'), arrive('bob')];
    flows.follow(planWith([], []));
    assert.equal(arrive('bob').level.name, 'global-default');
    assert.equal(await granted(second), undefined);
    flows.leave(first);
    assert.equal(await granted(second), true);
    flows.leave(second);
    await env.advance(1000);
    assert.ok(![...flows.levels()].some(({ name }) => name === 'narrow'));
    flows.follow(planWith([schemaFor('carol', 'carol', 'narrow')], [narrow('narrow')]));
    assert.equal(arrive('carol').level.uid, 'level-narrow');
    assert.equal(arrive('carol').schema.metadata.uid, 'schema-carol');
    assert.ok(
      metric('nominal_limit_seats').includes('apiserver_flowcontrol_nominal_limit_seats{priority_level="narrow"} 1'),
    );
  });

  test('without queues refuses what finds no seat', async () => {
    const reject = levelOf('narrow', {
      nominalConcurrencyShares: 1,
      borrowingLimitPercent: 0,
      limitResponse: { type: 'Reject' },
    });
    const { arrive, metric } = makeTest(undefined, [reject]);
    assert.equal(arrive('bob').granted, true);
    assert.equal(arrive('bob').granted, false);
    assert.match(metric('rejected')[0]!, /reason="concurrency-limit"\} 1$/);
  });

  test('lends seats that nobody uses, and takes them back', async () => {
    const { arrive, env, flows } = makeTest([schemaFor('bob', 'bob', 'workload-low')], []);
    const limit = () => [...flows.levels()].find(({ name }) => name === 'workload-low')!.queue.limit;
    await env.advance(1100);
    const before = limit();
    const turns = Array.from({ length: 40 }, () => arrive('bob'));
    // What it has lent comes back at once, what others have to lend within a second.
    assert.ok(before < 8 && limit() >= 8, `${before}, ${limit()}`);
    await env.advance(1000);
    const busy = limit();
    assert.ok(busy > 8 && busy <= 20, `${before}, ${busy}`);
    // Others ask for theirs.
    for (const name of ['system:node:a', 'system:node:b', 'system:node:c']) arrive(name, 'system:nodes');
    for (let i = 0; i < 10; i++) arrive('other');
    await env.advance(1000);
    assert.ok(limit() < busy && limit() >= 8, `${limit()}`);
    for (const turn of turns) flows.leave(turn);
  });

  test('asks clients to come back later and later while it refuses many', async () => {
    const { arrive, env, flows } = makeTest();
    const advice = () => [...flows.levels()].find(({ name }) => name === 'narrow')!.advice.seconds;
    for (let i = 0; i < 3; i++) arrive('bob');
    const seen: number[] = [];
    for (let second = 0; second < 40; second++) {
      for (let i = 0; i < 200; i++) arrive('bob');
      seen.push(advice());
      await env.advance(1000);
    }
    assert.equal(seen[0], 1);
    assert.equal(seen.at(-1), 32);
    assert.deepEqual(
      seen,
      seen.toSorted((a, b) => a - b),
    );
    for (let second = 0; second < 80; second += 2) {
      arrive('bob');
      await env.advance(2000);
    }
    assert.ok(advice() < 20, `${advice()}`);
  });

  test('tells what it holds, as upstream’s tables', () => {
    const { arrive, flows } = makeTest();
    for (let i = 0; i < 4; i++) arrive('bob');
    arrive('admin', 'system:masters');
    const levels = [...flows.levels()].filter(({ name }) => ['narrow', 'exempt', 'leader-election'].includes(name));
    assert.equal(
      dumpLevels(levels),
      [
        'PriorityLevelName, ActiveQueues, IsIdle, IsQuiescing, WaitingRequests, ExecutingRequests, DispatchedRequests, RejectedRequests, TimedoutRequests, CancelledRequests',
        'exempt,            0,            false,  false,       0,               1,                 1,                  0,                0,                0',
        'leader-election,   0,            true,   false,       0,               0,                 0,                  0,                0,                0',
        'narrow,            1,            false,  false,       2,               1,                 1,                  1,                0,                0',
        '',
      ].join('\n'),
    );
    const narrowLevel = levels.filter(({ name }) => name === 'narrow');
    assert.equal(
      dumpQueues(narrowLevel),
      [
        'PriorityLevelName, Index,  PendingRequests, ExecutingRequests, SeatsInUse, NextDispatchR, InitialSeatsSum, MaxSeatsSum, TotalWorkSum',
        'narrow,            0,      2,               1,                 1,          0.00300000ss,  2,               2,           0.00600000ss',
        '',
      ].join('\n'),
    );
    const start = '2026-01-01T00:00:00Z';
    assert.equal(
      dumpRequests(narrowLevel, true, (ms) => Date.UTC(2026, 0, 1) + ms),
      [
        'PriorityLevelName, FlowSchemaName, QueueIndex, RequestIndexInQueue, FlowDistingsher, ArriveTime,           InitialSeats, FinalSeats, AdditionalLatency, StartTime,            UserName, Verb,   APIPath,                   Namespace, Name,   APIVersion, Resource, SubResource',
        ...[
          ['0', '0001-01-01T00:00:00Z'],
          ['1', '0001-01-01T00:00:00Z'],
          ['-1', start],
        ].map(
          ([position, started]) =>
            `narrow,            bob,            0,          ${`${position},`.padEnd(20)} bob,             ${start}, 1,            0,          0s,                ${started}, bob,      list,   /api/v1/namespaces/a/pods, a,         ,       v1,         pods,     `,
        ),
        '',
      ].join('\n'),
    );
  });
});
