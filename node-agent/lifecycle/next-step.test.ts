import assert from 'node:assert/strict';
import { formatTime } from '#lib/meta/time.ts';
import type { ObservedContainer } from '../runtime/types.ts';
import { longer } from './backoff.ts';
import { nextStep } from './next-step.ts';
import { makeContainer, makeEnd, makePod, makeRun, makeSandbox, makeSeen, startMs } from './pods.fixture.ts';
import { stages } from './stages.ts';
import type { Seen } from './types.ts';

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

  test('nextStep() makes nothing for a pod before it is known to get its devices', () => {
    const waiting = makeSeen(makePod(), undefined, { volumes: undefined, admitting: true });
    assert.equal(nextStep(waiting, startMs).do, 'allocate');
    const dying = makePod({}, undefined, { deletionTimestamp: '2026-01-01T00:00:10Z' });
    assert.equal(nextStep({ ...waiting, pod: dying }, startMs).do, 'report');
    const rejected = { reason: 'UnexpectedAdmissionError', message: '' };
    assert.equal(nextStep(makeSeen(makePod(), undefined, { rejected }), startMs).do, 'report');
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

  test('nextStep() lets a debugger look at a pod whose init container does not end', () => {
    const ephemeralContainers = [{ name: 'doctor', image: 'doctor:1' }];
    const pod = makePod({ initContainers: [makeContainer('stuck'), makeContainer('next')], ephemeralContainers });
    const step = (runs: ObservedContainer[]) => nextStep(makeSeen(pod, runs), startMs);
    assert.deepEqual(step([]), { do: 'pull', container: 'stuck', attempt: 0 });
    assert.deepEqual(step([makeRun('stuck')]), { do: 'pull', container: 'doctor', attempt: 0 });
    assert.equal(step([makeRun('stuck'), makeRun('doctor')]).do, 'wait');
    assert.equal(step([makeRun('stuck'), makeEnd('doctor', 1)]).do, 'wait');
  });

  test('nextStep() runs again what was ended to be replaced, however it ended and whatever the policy says', () => {
    const ended = makeEnd('app', 0);
    for (const restartPolicy of ['OnFailure', 'Never'] as const) {
      const step = (replaced: string | undefined) =>
        nextStep(makeSeen(makePod({ restartPolicy }), [ended], { containers: { app: { replaced } } }), startMs + 2000)
          .do;
      assert.deepEqual([step(ended.id), step('another'), step(undefined)], ['pull', 'report', 'report']);
    }
    const doomed = { message: 'unwell', replaced: true };
    const health = { id: makeRun('app').id, started: true, ready: true, doomed };
    const step = nextStep(makeSeen(makePod(), [makeRun('app')], { containers: { app: { health } } }), startMs);
    assert.equal(step.do === 'stop' && step.groups[0]![0]!.replaced, true);
  });

  test('nextStep() starts anew what the pod wants of another image, and says so as upstream', () => {
    const pod = makePod({ initContainers: [makeContainer('proxy', { restartPolicy: 'Always' })] });
    const message = (runs: ObservedContainer[]) => {
      const step = nextStep(makeSeen(pod, runs), startMs);
      return step.do === 'stop' && step.groups[0]?.[0]?.message;
    };
    const proxy = makeRun('proxy');
    const changed = 'Container app definition changed, will be restarted';
    assert.equal(message([proxy, makeRun('app', { image: 'app:0' })]), changed);
    assert.equal(message([{ ...proxy, image: 'proxy:0' }, makeRun('app')]), 'Init container proxy definition changed');
  });
});
