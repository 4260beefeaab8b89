import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Container, Pod } from '#lib/kinds/gen/core-v1.ts';
import { formatTime } from '#lib/meta/time.ts';
import type { ObservedContainer } from '../runtime/types.ts';
import { longer } from './backoff.ts';
import { doingOf } from './containers.ts';
import { nextStep, stageOf } from './next-step.ts';
import { makeContainer, makeEnd, makePod, makeRun, makeSandbox, makeSeen, startMs } from './pods.fixture.ts';
import { stages } from './stages.ts';
import type { Stage } from './stages.ts';
import { statusOf } from './status.ts';
import type { Notes, Seen, Step } from './types.ts';

const image = {
  name: 'app:1',
  id: 'sha256:app',
  config: { entrypoint: [], cmd: [], env: [], workingDir: '', user: '', stopSignal: '', labels: {}, volumes: [] },
  layers: [],
};

suite('node-agent/lifecycle/next-step', () => {
  test('stages: every stage that is not the last has a way out, and names only stages', () => {
    for (const [name, { to }] of Object.entries(stages)) {
      if (name !== 'gone') assert.ok(to.length > 0, name);
      for (const next of to) assert.ok(next in stages, next);
    }
  });

  test('nextStep() mounts, prepares, pulls and starts, in this order', () => {
    const pod = makePod();
    const step = (seen: Seen) => nextStep(seen, startMs).do;
    assert.equal(step(makeSeen(pod, undefined, { volumes: undefined })), 'mount');
    assert.equal(step(makeSeen(pod)), 'prepare');
    assert.equal(step(makeSeen(pod, [])), 'pull');
    const pulled = { containers: { app: { pulled: { attempt: 0, image } } } };
    assert.deepEqual(nextStep(makeSeen(pod, [], pulled), startMs), {
      do: 'start',
      container: 'app',
      role: 'main',
      attempt: 0,
    });
    assert.equal(step(makeSeen(pod, [makeRun('app')])), 'wait');
  });

  test('nextStep() runs init containers one after the other before the main ones', () => {
    const pod = makePod({ initContainers: [makeContainer('one'), makeContainer('two')] });
    assert.deepEqual(nextStep(makeSeen(pod, []), startMs), { do: 'pull', container: 'one', attempt: 0 });
    assert.equal(nextStep(makeSeen(pod, [makeRun('one')]), startMs).do, 'wait');
    assert.deepEqual(nextStep(makeSeen(pod, [makeEnd('one')]), startMs), { do: 'pull', container: 'two', attempt: 0 });
    const both = [makeEnd('one'), makeEnd('two')];
    assert.deepEqual(nextStep(makeSeen(pod, both), startMs), { do: 'pull', container: 'app', attempt: 0 });
  });

  test('nextStep() goes on past a sidecar once it has started, and stops it after the main containers', () => {
    const pod = makePod({ initContainers: [makeContainer('proxy', { restartPolicy: 'Always' })] });
    assert.deepEqual(nextStep(makeSeen(pod, [makeRun('proxy')]), startMs), {
      do: 'pull',
      container: 'app',
      attempt: 0,
    });
    const dying = makePod(pod.spec, undefined, { deletionTimestamp: '2026-01-01T00:00:10Z' });
    const step = nextStep(makeSeen(dying, [makeRun('proxy'), makeRun('app')]), startMs);
    assert.deepEqual(step.do === 'stop' && step.groups.map((group) => group.map(({ name }) => name)), [
      ['app'],
      ['proxy'],
    ]);
  });

  test('nextStep() restarts by policy, and rests between restarts as the kubelet does', () => {
    const failed = [makeEnd('app', 1)];
    for (const [restartPolicy, exitCode, expected] of [
      ['Always', 0, 'pull'],
      ['OnFailure', 1, 'pull'],
      ['OnFailure', 0, 'report'],
      ['Never', 1, 'report'],
    ] as const) {
      const seen = makeSeen(makePod({ restartPolicy }), [makeEnd('app', exitCode)]);
      assert.equal(nextStep(seen, startMs + 2000).do, expected, `${restartPolicy} ${exitCode}`);
    }
    const crashes = longer(undefined, startMs, startMs);
    const resting = makeSeen(makePod(), failed, { containers: { app: { crashes } } });
    assert.deepEqual(nextStep(resting, startMs + 2000), {
      do: 'hold',
      container: 'app',
      reason: 'CrashLoopBackOff',
      message: 'back-off 10s restarting failed container=app pod=web_default(uid-1)',
      retryAt: startMs + 11_000,
    });
    assert.equal(nextStep(resting, startMs + 11_000).do, 'pull');
    assert.equal(longer(longer(crashes, startMs, startMs), startMs, startMs).delayMs, 40_000);
  });

  test('nextStep() stops, reports, releases and deletes a pod with a deletion timestamp', () => {
    const pod = makePod({}, undefined, { deletionTimestamp: '2026-01-01T00:00:10Z', deletionGracePeriodSeconds: 5 });
    const running = makeSeen(pod, [makeRun('app')]);
    const stop = nextStep(running, startMs);
    assert.ok(stop.do === 'stop');
    assert.deepEqual(stop.groups[0]![0], {
      id: makeRun('app').id,
      name: 'app',
      graceMs: 5000,
      message: 'Stopping container app',
    });
    const stopped = makeSeen(pod, [makeEnd('app', 137)]);
    assert.equal(nextStep(stopped, startMs).do, 'report');
    assert.equal(nextStep({ ...stopped, notes: { ...stopped.notes, reported: true } }, startMs).do, 'release');
    const released = makeSeen(pod, undefined, { reported: true, released: true });
    assert.equal(nextStep(released, startMs).do, 'delete');
    assert.equal(nextStep({ ...released, exists: false }, startMs).do, 'forget');
  });

  test('nextStep() takes down what belongs to no pod of the API', () => {
    const orphan: Seen = { ...makeSeen(undefined), observed: makeSandbox([makeRun('app')]) };
    const stop = nextStep(orphan, startMs);
    assert.deepEqual(stop, {
      do: 'stop',
      groups: [[{ id: makeRun('app').id, name: 'app', graceMs: 1000, message: undefined }]],
    });
    assert.equal(nextStep({ ...orphan, observed: makeSandbox([makeEnd('app')]) }, startMs).do, 'release');
  });

  test('nextStep() makes the sandbox anew after a reboot and runs the init containers again', () => {
    const pod = makePod({ initContainers: [makeContainer('one')] });
    const before = [makeEnd('one'), makeEnd('app', 137)];
    const broken = { ...makeSeen(pod, before), observed: makeSandbox(before, { ready: false }) };
    assert.equal(nextStep(broken, startMs).do, 'prepare');
    const anew = { ...broken, observed: makeSandbox(before, { createdAt: startMs + 60_000 }) };
    assert.deepEqual(nextStep(anew, startMs + 60_000), { do: 'pull', container: 'one', attempt: 1 });
  });

  test('nextStep() ends a pod whose deadline has passed', () => {
    const pod = makePod({ activeDeadlineSeconds: 5 }, { startTime: formatTime(startMs) });
    const seen = makeSeen(pod, [makeRun('app')]);
    assert.deepEqual(nextStep(seen, startMs), { do: 'wait', untilMs: startMs + 5000 });
    assert.equal(nextStep(seen, startMs + 5000).do, 'stop');
  });

  test('nextStep() keeps to the table, converges, and never leaves a deleted pod behind', () => {
    fc.assert(
      fc.property(anyPod(), fc.array(fc.nat({ max: 5 }), { minLength: 60, maxLength: 60 }), (pod, chances) => {
        const world = new World(pod, chances);
        world.settle(300);
        world.delete();
        world.settle(300);
        assert.equal(stageOf(world.seen, world.now), 'gone');
        assert.equal(world.forgotten, true);
      }),
      { numRuns: 200 },
    );
  });
});

function anyPod(): fc.Arbitrary<Pod> {
  const policy = fc.constantFrom('Always' as const, 'OnFailure' as const, 'Never' as const);
  const inits = fc.array(fc.boolean(), { maxLength: 3 });
  return fc
    .tuple(policy, inits, fc.integer({ min: 1, max: 3 }), fc.boolean())
    .map(([restartPolicy, sidecars, mains, deadline]) =>
      makePod({
        restartPolicy,
        initContainers: sidecars.map((always, i): Container =>
          makeContainer(`init${i}`, always ? { restartPolicy: 'Always' } : {}),
        ),
        containers: Array.from({ length: mains }, (_, i) =>
          makeContainer(`main${i}`, { terminationMessagePolicy: i === 0 ? 'FallbackToLogsOnError' : 'File' }),
        ),
        ...(deadline && { activeDeadlineSeconds: 600 }),
      }),
    );
}

/** A world in which every step does what it should, or fails by chance, and containers end by chance. */
class World {
  seen: Seen;
  now = startMs;
  forgotten = false;
  readonly chances: number[];
  used = 0;

  constructor(pod: Pod, chances: number[]) {
    this.seen = {
      pod,
      exists: true,
      observed: undefined,
      notes: makeSeen(undefined, undefined, { volumes: undefined }).notes,
    };
    this.chances = chances;
  }

  chance(): number {
    return this.chances[this.used++] ?? 3;
  }

  delete(): void {
    const { pod } = this.seen;
    this.seen = {
      ...this.seen,
      pod: { ...pod!, metadata: { ...pod!.metadata, deletionTimestamp: formatTime(this.now) } },
    };
  }

  /** Steps until nothing is left to do; fails after `limit` steps. */
  settle(limit: number): void {
    let stage: Stage = stageOf(this.seen, this.now);
    for (let i = 0; i < limit; i++) {
      const step = nextStep(this.seen, this.now);
      assert.ok((stages[stage].steps as readonly string[]).includes(step.do), `${step.do} in ${stage}`);
      this.report();
      if (step.do === 'wait') {
        if (step.untilMs === undefined && !this.endSome()) return;
        this.now = Math.max(this.now + 1, step.untilMs ?? 0);
      } else if (this.perform(step)) return;
      const next = stageOf(this.seen, this.now);
      assert.ok(next === stage || (stages[stage].to as readonly string[]).includes(next), `${stage} to ${next}`);
      stage = next;
    }
    assert.fail(`still at work in ${stage} after ${limit} steps`);
  }

  report(): void {
    const { pod } = this.seen;
    if (pod) this.seen = { ...this.seen, pod: { ...pod, status: statusOf(this.seen, pod, ['10.0.0.1'], this.now) } };
  }

  endSome(): boolean {
    const running = this.seen.observed?.containers.find((run) => run.state === 'running');
    const chance = this.chance();
    if (!running || chance === 3) return false;
    this.replace({ ...running, state: 'exited', exitCode: chance % 2, finishedAt: this.now });
    return true;
  }

  perform(step: Step): boolean {
    this.now += 10;
    const { pod, observed } = this.seen;
    switch (step.do) {
      case 'mount':
        if (this.chance() === 1)
          this.note({ trouble: { step: 'mount', message: '', count: 1, retryAt: this.now + 500 } });
        else this.note({ volumes: {} });
        return false;
      case 'prepare':
        this.seen = { ...this.seen, observed: makeSandbox(observed?.containers ?? [], { createdAt: this.now }) };
        return false;
      case 'pull':
        if (this.chance() === 1) {
          const pulls = longer(undefined, this.now, this.now);
          this.noteContainer(step.container, {
            problem: { reason: 'ErrImagePull', message: 'gone' },
            pulls,
            retryAt: this.now + pulls.delayMs,
          });
        } else this.noteContainer(step.container, { pulled: { attempt: step.attempt, image } });
        return false;
      case 'hold':
        this.noteContainer(step.container, { problem: step, retryAt: step.retryAt });
        return false;
      case 'start': {
        const doing = doingOf(this.seen, pod!, step.container);
        const crashes = this.seen.notes.containers[step.container]?.crashes;
        if (doing.is === 'ended') {
          this.noteContainer(step.container, { crashes: longer(crashes, doing.finishedAt, this.now) });
        }
        this.noteContainer(step.container, { problem: undefined, retryAt: undefined });
        this.replace(makeRun(step.container, { attempt: step.attempt, createdAt: this.now, startedAt: this.now }));
        return false;
      }
      case 'resize':
        this.seen = { ...this.seen, observed: { ...observed!, resources: step.to.pod } };
        return false;
      case 'stop':
        for (const { id } of step.groups.flat()) {
          const run = observed!.containers.find((item) => item.id === id)!;
          this.replace({ ...run, state: 'exited', exitCode: 143, finishedAt: this.now });
        }
        return false;
      case 'discard':
        this.seen = {
          ...this.seen,
          observed: { ...observed!, containers: observed!.containers.filter((run) => run !== step.container) },
        };
        return false;
      case 'last-words':
        this.noteContainer(step.container.name, { lastWords: { id: step.container.id, text: '' } });
        return false;
      case 'report':
        this.note({ reported: true });
        return false;
      case 'release':
        this.note({ released: true });
        this.seen = { ...this.seen, observed: undefined };
        return false;
      case 'delete':
        this.seen = { ...this.seen, exists: false };
        return false;
      case 'forget':
        this.forgotten = true;
        return true;
      case 'wait':
        return false;
    }
  }

  note(notes: Partial<Notes>): void {
    this.seen = { ...this.seen, notes: { ...this.seen.notes, ...notes } };
  }

  noteContainer(name: string, more: Notes['containers'][string]): void {
    const containers = this.seen.notes.containers;
    this.note({ containers: { ...containers, [name]: { ...containers[name], ...more } } });
  }

  replace(run: ObservedContainer): void {
    const observed = this.seen.observed!;
    const others = observed.containers.filter((item) => item.id !== run.id);
    this.seen = { ...this.seen, observed: { ...observed, containers: [...others, run] } };
  }
}
