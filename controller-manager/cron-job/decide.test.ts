import assert from 'node:assert/strict';
import { cronJob } from '#lib/kinds/cron-job.ts';
import type { CronJob, CronJobSpec, Job } from '#lib/kinds/gen/batch-v1.ts';
import { job } from '#lib/kinds/job.ts';
import { makeTestWorld } from '../testing/world.ts';
import type { TestWorld } from '../testing/world.ts';
import { decide as expire } from '../ttl-after-finished/controller.ts';
import { decide } from './decide.ts';
import { parseSchedule } from './schedule.ts';

const at = (text: string) => Date.parse(text);

function putCronJob(world: TestWorld, spec: Partial<CronJobSpec> = {}): CronJob {
  const jobTemplate = { metadata: { labels: { a: 'b' } }, spec: { template: { spec: { containers: [] } } } };
  const full = {
    schedule: '*/5 * * * *',
    concurrencyPolicy: 'Allow',
    jobTemplate,
    successfulJobsHistoryLimit: 3,
    failedJobsHistoryLimit: 1,
    ...spec,
  };
  return world.put(cronJob, { metadata: { name: 'tick' }, spec: full });
}

function step(world: TestWorld) {
  const actions = decide({ cronJob: world.get(cronJob, 'tick'), jobs: world.list(job), now: world.now });
  world.apply(actions);
  return actions;
}

function endJob(world: TestWorld, name: string, type: 'Complete' | 'Failed'): void {
  const before = world.get(job, name);
  const time = new Date(world.now).toISOString();
  const status = {
    conditions: [{ type, status: 'True', lastTransitionTime: time }],
    startTime: time,
    completionTime: time,
  };
  const object: Job = { ...before, status };
  world.apply([{ do: 'status', kind: job, object }]);
}

const names = (world: TestWorld) => world.list(job).map(({ metadata }) => metadata.name);

suite('cron-job decide', () => {
  test('decide() starts a Job at its time, once, and notes it', () => {
    const world = makeTestWorld(at('2026-01-01T10:01:00Z'));
    putCronJob(world);
    assert.deepEqual(step(world), [{ do: 'wake', afterMs: 240_100 }]);
    world.now = at('2026-01-01T10:05:00.100Z');
    step(world);
    step(world);
    const minute = at('2026-01-01T10:05:00Z') / 60_000;
    assert.deepEqual(names(world), [`tick-${minute}`]);
    const { status } = world.get(cronJob, 'tick');
    assert.equal(status?.lastScheduleTime, '2026-01-01T10:05:00Z');
    assert.equal(status?.active?.[0]?.name, `tick-${minute}`);
    assert.equal(
      world.list(job)[0]!.metadata.annotations!['batch.kubernetes.io/cronjob-scheduled-timestamp'],
      '2026-01-01T10:05:00Z',
    );
    assert.ok(world.events.includes(`SuccessfulCreate: Created job tick-${minute}`));
  });

  test('decide() after a crash between Job and status starts no second Job', () => {
    const world = makeTestWorld(at('2026-01-01T10:01:00Z'));
    putCronJob(world);
    world.now = at('2026-01-01T10:05:01Z');
    world.apply(
      step(world)
        .filter((action) => action.do === 'create')
        .slice(1),
    );
    const before = world.get(cronJob, 'tick');
    const object: CronJob = { ...before, status: {} };
    world.apply([{ do: 'status', kind: cronJob, object }]);
    step(world);
    assert.equal(names(world).length, 1);
    assert.equal(world.get(cronJob, 'tick').status?.lastScheduleTime, '2026-01-01T10:05:00Z');
  });

  test('decide() starts only the latest of several missed times, and none past its deadline', () => {
    const world = makeTestWorld(at('2026-01-01T10:01:00Z'));
    putCronJob(world);
    world.now = at('2026-01-01T10:31:00Z');
    step(world);
    assert.deepEqual(names(world), [`tick-${at('2026-01-01T10:30:00Z') / 60_000}`]);
    const late = makeTestWorld(at('2026-01-01T10:01:00Z'));
    putCronJob(late, { schedule: '0 * * * *', startingDeadlineSeconds: 60 });
    late.now = at('2026-01-01T11:30:00Z');
    step(late);
    assert.deepEqual(names(late), []);
  });

  test('decide() under Forbid waits for the running Job, under Replace removes it', () => {
    for (const concurrencyPolicy of ['Forbid', 'Replace'] as const) {
      const world = makeTestWorld(at('2026-01-01T10:01:00Z'));
      putCronJob(world, { concurrencyPolicy });
      for (const time of ['10:05:01', '10:10:01']) {
        world.now = at(`2026-01-01T${time}Z`);
        step(world);
      }
      const time = concurrencyPolicy === 'Forbid' ? '10:05' : '10:10';
      assert.deepEqual(names(world), [`tick-${at(`2026-01-01T${time}:00Z`) / 60_000}`]);
    }
  });

  test('decide() keeps a short history and tells of Jobs that ended', () => {
    const world = makeTestWorld(at('2026-01-01T10:01:00Z'));
    putCronJob(world, { successfulJobsHistoryLimit: 1 });
    for (const time of ['10:05:01', '10:10:01', '10:15:01']) {
      world.now = at(`2026-01-01T${time}Z`);
      step(world);
      step(world);
      endJob(world, names(world).at(-1)!, 'Complete');
      step(world);
    }
    step(world);
    assert.equal(names(world).length, 1);
    assert.ok(
      world.events.some((event) => /^SawCompletedJob: Saw completed job: tick-\d+, condition: Complete$/.test(event)),
    );
    assert.equal(world.get(cronJob, 'tick').status?.lastSuccessfulTime, '2026-01-01T10:15:01.000Z');
  });

  test('decide() while suspended starts nothing', () => {
    const world = makeTestWorld(at('2026-01-01T10:01:00Z'));
    putCronJob(world, { suspend: true });
    world.now = at('2026-01-01T12:00:00Z');
    assert.deepEqual(step(world), []);
  });

  test('parseSchedule() knows steps, ranges, names, both day fields and macros', () => {
    const cases: [string, string, string, string?][] = [
      ['*/15 9-17 * * mon-fri', '2026-01-02T17:50:00Z', '2026-01-05T09:00:00Z'],
      ['0 0 13 * 5', '2026-01-02T00:00:00Z', '2026-01-09T00:00:00Z'],
      ['0 0 13 * *', '2026-01-02T00:00:00Z', '2026-01-13T00:00:00Z'],
      ['5/20 * * * *', '2026-01-01T00:06:00Z', '2026-01-01T00:25:00Z'],
      ['@daily', '2026-01-01T10:00:00Z', '2026-01-02T00:00:00Z'],
      ['@every 90s', '2026-01-01T00:00:00Z', '2026-01-01T00:01:30Z'],
      ['0 0 29 feb *', '2026-01-01T00:00:00Z', '2028-02-29T00:00:00Z'],
      ['30 2 * * *', '2026-03-28T12:00:00Z', '2026-03-30T00:30:00Z', 'Europe/Berlin'],
      ['0 9 * * *', '2026-07-01T00:00:00Z', '2026-07-01T13:00:00Z', 'America/New_York'],
    ];
    for (const [text, from, expected, zone] of cases) {
      assert.equal(
        new Date(parseSchedule(text, zone).next(at(from))!).toISOString(),
        expected.replace('Z', '.000Z'),
        text,
      );
    }
    assert.equal(parseSchedule('0 0 30 2 *').next(at('2026-01-01T00:00:00Z')), undefined);
    for (const bad of ['* * * *', '60 * * * *', '* * * * 7', 'a * * * *', '*/0 * * * *', '5-1 * * * *']) {
      assert.throws(() => parseSchedule(bad), Error, bad);
    }
  });

  test('expire() removes an ended Job when its time is over', () => {
    const world = makeTestWorld();
    const object = world.put(job, { metadata: { name: 'a' }, spec: { ttlSecondsAfterFinished: 10, template: {} } });
    assert.deepEqual(expire({ job: object, now: world.now }), []);
    endJob(world, 'a', 'Failed');
    assert.deepEqual(expire({ job: world.get(job, 'a'), now: world.now }), [{ do: 'wake', afterMs: 10_000 }]);
    world.apply(expire({ job: world.get(job, 'a'), now: world.now + 10_000 }));
    assert.deepEqual(names(world), []);
  });
});
