import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Job, JobSpec } from '#lib/kinds/gen/batch-v1.ts';
import type { Pod } from '#lib/kinds/gen/core-v1.ts';
import { job } from '#lib/kinds/job.ts';
import { pod } from '#lib/kinds/pod.ts';
import { conditionOf } from '#lib/meta/conditions.ts';
import { isActive, isFinished } from '../pods.ts';
import { makeTestWorld } from '../testing/world.ts';
import type { TestWorld } from '../testing/world.ts';
import { decide } from './decide.ts';
import { formatIndexes, parseIndexes } from './indexes.ts';
import { isTracked } from './tracking.ts';

function putJob(world: TestWorld, spec: Partial<JobSpec> = {}): Job {
  const labels = { 'batch.kubernetes.io/controller-uid': 'u' };
  const template = { metadata: { labels }, spec: { containers: [{ name: 'c' }], restartPolicy: 'Never' } };
  const full = {
    parallelism: 2,
    completions: 3,
    backoffLimit: 6,
    selector: { matchLabels: labels },
    template,
    ...spec,
  };
  return world.put(job, { metadata: { name: 'work' }, spec: full });
}

function step(world: TestWorld) {
  const object = world.find(job, { namespace: 'default', name: 'work' });
  const actions = decide({ job: object, candidates: world.list(pod), now: world.now });
  world.apply(actions);
  return actions;
}

function settle(world: TestWorld): void {
  for (let round = 0; round < 20; round++) if (step(world).every((action) => action.do === 'wake')) return;
  assert.fail('Still acting after 20 rounds');
}

const activePods = (world: TestWorld) => world.list(pod).filter(isActive);
const jobOf = (world: TestWorld) => world.get(job, 'work');

/** As the node says: the pod has ended. */
function end(world: TestWorld, each: Pod, phase: 'Succeeded' | 'Failed', exitCode = phase === 'Failed' ? 1 : 0): void {
  const current = world.get(pod, each.metadata.name);
  const finishedAt = new Date(world.now).toISOString();
  const containerStatuses = [
    {
      name: 'c',
      restartCount: 0,
      ready: false,
      image: '',
      imageID: '',
      state: { terminated: { exitCode, finishedAt } },
    },
  ];
  const object: Pod = { ...current, status: { ...current.status, phase, containerStatuses } };
  world.apply([{ do: 'status', kind: pod, object }]);
}

suite('job decide', () => {
  test('decide() keeps as many workers as are wanted, counts each once, and completes', () => {
    const world = makeTestWorld();
    putJob(world);
    settle(world);
    assert.equal(activePods(world).length, 2);
    assert.ok(world.list(pod).every(isTracked));
    for (const each of activePods(world)) end(world, each, 'Succeeded');
    settle(world);
    assert.equal(activePods(world).length, 1);
    assert.deepEqual([jobOf(world).status?.succeeded, jobOf(world).status?.active], [2, 1]);
    for (const each of activePods(world)) end(world, each, 'Succeeded');
    settle(world);
    const { status } = jobOf(world);
    assert.deepEqual(
      status?.conditions?.map(({ type, reason }) => [type, reason]),
      [
        ['SuccessCriteriaMet', 'CompletionsReached'],
        ['Complete', 'CompletionsReached'],
      ],
    );
    assert.equal(status?.succeeded, 3);
    assert.ok(status?.completionTime);
    assert.ok(world.list(pod).every((each) => !isTracked(each)));
    assert.ok(world.events.includes('Completed: Job completed'));
  });

  test('decide() waits after failures, longer each time, and gives up at the limit', () => {
    const world = makeTestWorld();
    putJob(world, { parallelism: 1, completions: 1, backoffLimit: 1 });
    settle(world);
    end(world, activePods(world)[0]!, 'Failed');
    settle(world);
    assert.equal(activePods(world).length, 0);
    assert.deepEqual(step(world), [{ do: 'wake', afterMs: 10_000 }]);
    world.now += 10_000;
    settle(world);
    assert.equal(activePods(world).length, 1);
    end(world, activePods(world)[0]!, 'Failed');
    settle(world);
    const { status } = jobOf(world);
    assert.equal(conditionOf(status?.conditions, 'Failed')?.reason, 'BackoffLimitExceeded');
    assert.equal(status?.failed, 2);
    assert.ok(world.events.includes('BackoffLimitExceeded: Job has reached the specified backoff limit'));
  });

  test('decide() ends a Job at its deadline and removes its pods', () => {
    const world = makeTestWorld();
    putJob(world, { activeDeadlineSeconds: 5 });
    settle(world);
    assert.ok(step(world).some((action) => action.do === 'wake' && action.afterMs === 5000));
    world.now += 5000;
    settle(world);
    assert.equal(conditionOf(jobOf(world).status?.conditions, 'Failed')?.reason, 'DeadlineExceeded');
    assert.deepEqual(world.list(pod), []);
    assert.equal(jobOf(world).status?.failed, 2);
  });

  test('decide() gives each worker of an indexed Job its index, and each index one success', () => {
    const world = makeTestWorld();
    putJob(world, { completionMode: 'Indexed', parallelism: 3, completions: 5 });
    settle(world);
    const [first] = activePods(world);
    assert.equal(first!.metadata.annotations!['batch.kubernetes.io/job-completion-index'], '0');
    assert.equal(first!.spec.hostname, 'work-0');
    assert.equal(first!.spec.containers[0]!.env![0]!.name, 'JOB_COMPLETION_INDEX');
    end(world, activePods(world)[1]!, 'Succeeded');
    settle(world);
    assert.equal(jobOf(world).status?.completedIndexes, '1');
    for (let round = 0; round < 3; round++) {
      for (const each of activePods(world)) end(world, each, 'Succeeded');
      settle(world);
    }
    assert.equal(jobOf(world).status?.completedIndexes, '0-4');
    assert.equal(conditionOf(jobOf(world).status?.conditions, 'Complete')?.status, 'True');
  });

  test('decide() fails an index after its own limit and goes on with the others', () => {
    const world = makeTestWorld();
    putJob(world, {
      completionMode: 'Indexed',
      parallelism: 2,
      completions: 2,
      backoffLimit: 1000,
      backoffLimitPerIndex: 0,
    });
    settle(world);
    end(world, activePods(world)[0]!, 'Failed');
    settle(world);
    assert.equal(jobOf(world).status?.failedIndexes, '0');
    end(world, activePods(world)[0]!, 'Succeeded');
    settle(world);
    assert.equal(conditionOf(jobOf(world).status?.conditions, 'Failed')?.reason, 'FailedIndexes');
  });

  test('decide() obeys a pod failure policy', () => {
    const world = makeTestWorld();
    const onExitCodes = { operator: 'In', values: [42] } as const;
    putJob(world, {
      podFailurePolicy: { rules: [{ action: 'FailJob', onExitCodes: { ...onExitCodes, values: [42] } }] },
    });
    settle(world);
    const [victim] = activePods(world);
    end(world, victim!, 'Failed', 42);
    settle(world);
    const condition = conditionOf(jobOf(world).status?.conditions, 'FailureTarget');
    const sentence = `Container c for pod default/${victim!.metadata.name} failed with exit code 42 matching FailJob rule at index 0`;
    assert.deepEqual([condition?.reason, condition?.message], ['PodFailurePolicy', sentence]);
  });

  test('decide() removes the pods of a suspended Job and starts it anew when it resumes', () => {
    const world = makeTestWorld();
    putJob(world);
    settle(world);
    const set = (suspend: boolean) => {
      const object: Job = { ...jobOf(world), spec: { ...jobOf(world).spec, suspend } };
      world.apply([{ do: 'update', kind: job, object }]);
      settle(world);
    };
    set(true);
    assert.equal(activePods(world).length, 0);
    assert.equal(conditionOf(jobOf(world).status?.conditions, 'Suspended')?.status, 'True');
    assert.equal(jobOf(world).status?.startTime, undefined);
    world.now += 60_000;
    set(false);
    assert.equal(activePods(world).length, 2);
    assert.equal(conditionOf(jobOf(world).status?.conditions, 'Suspended')?.reason, 'JobResumed');
  });

  test('decide() frees the pods of a Job that is gone', () => {
    const world = makeTestWorld();
    const object = putJob(world);
    settle(world);
    world.remove(job, object);
    settle(world);
    assert.ok(world.list(pod).every((each) => !isTracked(each)));
  });

  test('decide() counts every pod once, wherever it is killed', () => {
    const script = fc.array(fc.record({ cut: fc.nat(6), outcomes: fc.array(fc.boolean(), { maxLength: 3 }) }), {
      maxLength: 15,
    });
    fc.assert(
      fc.property(script, (moments) => {
        const world = makeTestWorld();
        putJob(world, { completions: 6, parallelism: 3, backoffLimit: 1000 });
        const ended = { Succeeded: 0, Failed: 0 };
        for (const { cut, outcomes } of moments) {
          const object = jobOf(world);
          const actions = decide({ job: object, candidates: world.list(pod), now: world.now });
          world.apply(actions.slice(0, cut));
          for (const [i, each] of activePods(world).slice(0, outcomes.length).entries()) {
            const phase = outcomes[i] ? 'Succeeded' : 'Failed';
            end(world, each, phase);
            ended[phase]++;
          }
          world.now += 600_000;
        }
        settle(world);
        for (let round = 0; round < 10 && !isOver(world); round++) {
          for (const each of activePods(world)) {
            end(world, each, 'Succeeded');
            ended.Succeeded++;
          }
          settle(world);
          world.now += 600_000;
          settle(world);
        }
        assert.ok(isOver(world));
        assert.equal(jobOf(world).status?.succeeded ?? 0, ended.Succeeded);
        assert.equal(jobOf(world).status?.failed ?? 0, ended.Failed);
        assert.ok(
          world
            .list(pod)
            .filter(isFinished)
            .every((each) => !isTracked(each)),
        );
      }),
      { numRuns: 60 },
    );
  });

  test('formatIndexes() is the inverse of parseIndexes()', () => {
    assert.equal(formatIndexes([0, 1, 3, 4, 5, 9]), '0,1,3-5,9');
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(50)), (indexes) => {
        assert.deepEqual(parseIndexes(formatIndexes(indexes), 51), new Set(indexes.toSorted((a, b) => a - b)));
      }),
    );
  });
});

function isOver(world: TestWorld): boolean {
  return conditionOf(jobOf(world).status?.conditions, 'Complete') !== undefined;
}
