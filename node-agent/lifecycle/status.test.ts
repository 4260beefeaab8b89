import assert from 'node:assert/strict';
import type { Pod } from '#lib/kinds/gen/core-v1.ts';
import { conditionOf } from '#lib/meta/conditions.ts';
import type { ObservedContainer } from '../runtime/types.ts';
import { makeContainer, makeEnd, makePod, makeRun, makeSeen, startMs } from './pods.fixture.ts';
import { nextStep } from './next-step.ts';
import { statusOf } from './status.ts';
import type { Seen } from './types.ts';

const statusAt = (seen: Seen, now = startMs) => statusOf(seen, seen.pod!, ['10.0.0.1'], now);

suite('node-agent/lifecycle/status', () => {
  test('statusOf() shows a new pod as pending, its containers as being created', () => {
    const status = statusAt(makeSeen(makePod()));
    assert.equal(status.phase, 'Pending');
    assert.deepEqual(status.containerStatuses?.[0]?.state, { waiting: { reason: 'ContainerCreating' } });
    assert.equal(status.hostIP, '10.0.0.1');
    assert.equal(status.qosClass, 'BestEffort');
    assert.deepEqual(
      status.conditions?.map(({ type, status: value, reason, message }) => [type, value, reason, message]),
      [
        ['PodReadyToStartContainers', 'False', undefined, undefined],
        ['Initialized', 'True', undefined, undefined],
        ['Ready', 'False', 'ContainersNotReady', 'containers with unready status: [app]'],
        ['ContainersReady', 'False', 'ContainersNotReady', 'containers with unready status: [app]'],
        ['PodScheduled', 'True', undefined, undefined],
      ],
    );
  });

  test('statusOf() shows a running pod with its address, ready when nothing says otherwise', () => {
    const status = statusAt(makeSeen(makePod(), [makeRun('app')]));
    assert.equal(status.phase, 'Running');
    assert.equal(status.podIP, '10.1.0.5');
    const [app] = status.containerStatuses!;
    assert.deepEqual([app!.ready, app!.started, app!.restartCount], [true, true, 0]);
    assert.equal(app!.containerID, `crun://${makeRun('app').id}`);
    assert.equal(conditionOf(status.conditions, 'Ready')?.status, 'True');
  });

  test('statusOf() gives pods on the node’s network its address from the beginning', () => {
    const status = statusAt(makeSeen(makePod({ hostNetwork: true })));
    assert.deepEqual([status.podIP, status.podIPs], ['10.0.0.1', [{ ip: '10.0.0.1' }]]);
    assert.equal(statusAt(makeSeen(makePod())).podIP, undefined);
  });

  test('statusOf() waits for probes: not started before the startup probe, not ready before the readiness probe', () => {
    const probe = { tcpSocket: { port: 80 } };
    const pod = makePod({ containers: [makeContainer('app', { startupProbe: probe, readinessProbe: probe })] });
    const run = makeRun('app');
    const look = (started: boolean, ready: boolean) => {
      const health = { id: run.id, started, ready };
      const app = statusAt(makeSeen(pod, [run], { containers: { app: { health } } })).containerStatuses![0]!;
      return [app.started, app.ready];
    };
    assert.deepEqual(look(false, false), [false, false]);
    assert.deepEqual(look(true, false), [true, false]);
    assert.deepEqual(look(true, true), [true, true]);
  });

  test('statusOf() shows init containers in turn', () => {
    const pod = makePod({ initContainers: [makeContainer('one'), makeContainer('two')] });
    const status = statusAt(makeSeen(pod, [makeEnd('one'), makeRun('two')]));
    assert.equal(status.phase, 'Pending');
    assert.deepEqual(
      status.initContainerStatuses?.map(({ ready }) => ready),
      [true, false],
    );
    assert.deepEqual(status.containerStatuses?.[0]?.state, { waiting: { reason: 'PodInitializing' } });
    const initialised = conditionOf(status.conditions, 'Initialized')!;
    assert.deepEqual(
      [initialised.reason, initialised.message],
      ['ContainersNotInitialized', 'containers with incomplete status: [two]'],
    );
  });

  test('statusOf() keeps to what the API was told of a run of which nothing is left but the one before', () => {
    const told = statusAt(
      makeSeen(makePod({ restartPolicy: 'OnFailure' }), [makeEnd('app', 1), makeEnd('app', 0, { attempt: 1 })]),
    );
    assert.equal(told.phase, 'Succeeded');
    const pod = { ...makePod({ restartPolicy: 'OnFailure' }), status: told };
    const { containerStatuses, phase } = statusAt(makeSeen(pod, [makeEnd('app', 1)]));
    assert.equal(phase, 'Succeeded');
    assert.deepEqual(containerStatuses, told.containerStatuses);
    // A start that failed is remembered by no runtime, but counts as a run.
    const [app] = told.containerStatuses!;
    const lastState = { terminated: { ...app!.state!.terminated!, exitCode: 128, reason: 'StartError' } };
    const failed = { ...app!, state: { waiting: { reason: 'RunContainerError' } }, lastState };
    const retried = { ...pod, status: { ...told, phase: 'Running' as const, containerStatuses: [failed] } };
    assert.deepEqual(nextStep(makeSeen(retried, [makeEnd('app', 1)]), startMs + 60_000), {
      do: 'pull',
      container: 'app',
      attempt: 2,
    });
  });

  test('statusOf() sorts main containers by name, and names images by their digest where they have one', () => {
    const pod = makePod({ containers: [makeContainer('b'), makeContainer('a')] });
    const run = { ...makeRun('a'), imageDigest: 'registry.example/a@sha256:1' };
    const statuses = statusAt(makeSeen(pod, [run, makeRun('b')])).containerStatuses;
    assert.deepEqual(
      statuses?.map(({ name, imageID }) => [name, imageID]),
      [
        ['a', 'registry.example/a@sha256:1'],
        ['b', 'sha256:b'],
      ],
    );
  });

  test('statusOf() shows a crash loop as waiting, with the crash as the last state', () => {
    const problem = { reason: 'CrashLoopBackOff', message: 'back-off 10s' };
    const status = statusAt(makeSeen(makePod(), [makeEnd('app', 3)], { containers: { app: { problem } } }));
    const [app] = status.containerStatuses!;
    assert.deepEqual(app!.state, { waiting: problem });
    assert.equal(app!.lastState?.terminated?.exitCode, 3);
    assert.equal(app!.lastState?.terminated?.reason, 'Error');
    assert.equal(status.phase, 'Running');
  });

  test('statusOf() ends as upstream: Succeeded with PodCompleted, Failed with PodFailed', () => {
    const done = statusAt(makeSeen(makePod({ restartPolicy: 'Never' }), [makeEnd('app')]));
    assert.equal(done.phase, 'Succeeded');
    assert.equal(conditionOf(done.conditions, 'Ready')?.reason, 'PodCompleted');
    assert.equal(conditionOf(done.conditions, 'Initialized')?.reason, 'PodCompleted');
    const failed = statusAt(makeSeen(makePod({ restartPolicy: 'Never' }), [makeEnd('app', 1)]));
    assert.equal(failed.phase, 'Failed');
    assert.equal(conditionOf(failed.conditions, 'ContainersReady')?.reason, 'PodFailed');
  });

  test('statusOf() says why a pod past its deadline failed', () => {
    const pod = makePod({ activeDeadlineSeconds: 1 }, { startTime: '2026-01-01T00:00:00Z' });
    const status = statusAt(makeSeen(pod, [makeEnd('app', 137)]), startMs + 2000);
    assert.deepEqual([status.phase, status.reason], ['Failed', 'DeadlineExceeded']);
  });

  test('statusOf() shows what an evicted pod used too much of', () => {
    const message = 'Usage of EmptyDir volume "scratch" exceeds the limit "1Mi". ';
    const evicted = { message };
    const status = statusAt(makeSeen(makePod(), [makeEnd('app', 137)], { evicted }));
    assert.deepEqual([status.phase, status.reason, status.message], ['Failed', 'Evicted', message]);
    assert.equal(conditionOf(status.conditions, 'DisruptionTarget'), undefined);
  });

  test('statusOf() tells of an eviction for the sake of the node as a disruption, once nothing runs', () => {
    const evicted = { message: 'The node was low on resource: memory. ', disrupts: true };
    const going = statusAt(makeSeen(makePod(), [makeRun('app')], { evicted }));
    assert.deepEqual([going.phase, going.reason], ['Running', undefined]);
    assert.equal(conditionOf(going.conditions, 'DisruptionTarget'), undefined);
    const gone = statusAt(makeSeen(makePod(), [makeEnd('app', 137)], { evicted }));
    assert.deepEqual([gone.phase, gone.reason, gone.message], ['Failed', 'Evicted', evicted.message]);
    const condition = conditionOf(gone.conditions, 'DisruptionTarget');
    assert.deepEqual([condition?.reason, condition?.message], ['TerminationByKubelet', evicted.message]);
  });

  test('statusOf() says of pods that go with their machine that they were terminated', () => {
    const evicted = { reason: 'Terminated' as const, message: 'The machine goes down.', disrupts: true };
    const { phase, reason, message } = statusAt(makeSeen(makePod(), [makeEnd('app', 137)], { evicted }));
    assert.deepEqual([phase, reason, message], ['Failed', 'Terminated', 'The machine goes down.']);
  });

  test('statusOf() counts a run that the runtime lost as ended with code 137', () => {
    const first = makeSeen(makePod(), [makeRun('app')]);
    const pod = { ...first.pod!, status: statusAt(first) };
    const [app] = statusAt(makeSeen(pod)).containerStatuses!;
    assert.deepEqual(
      [app!.state?.terminated?.exitCode, app!.state?.terminated?.reason],
      [137, 'ContainerStatusUnknown'],
    );
  });

  test('statusOf() counts containers of a pod that ended as failed when they never ran, once it was their turn', () => {
    const ended = { deletionTimestamp: '2026-01-01T00:00:10Z' };
    const init = [makeContainer('one'), makeContainer('two', { restartPolicy: 'Always' }), makeContainer('three')];
    const codes = (pod: Pod, runs: ObservedContainer[] | undefined) => {
      const { initContainerStatuses = [], containerStatuses = [] } = statusAt(makeSeen(pod, runs));
      return [...initContainerStatuses, ...containerStatuses].map(({ state }) => state?.terminated?.exitCode);
    };
    assert.deepEqual(codes(makePod({}, undefined, ended), undefined), [137]);
    const pod = makePod({ initContainers: init }, undefined, ended);
    assert.deepEqual(codes(pod, undefined), [137, undefined, undefined, undefined]);
    assert.deepEqual(codes(pod, [makeEnd('one'), makeEnd('two', 143)]), [0, 143, undefined, undefined]);
    assert.deepEqual(codes(pod, [makeEnd('one'), makeEnd('three')]), [0, 137, 0, 137]);
    assert.deepEqual(codes(pod, [makeEnd('app', 1)]), [137, undefined, undefined, 1]);
    assert.deepEqual(codes(makePod({ initContainers: init }), undefined), [undefined, undefined, undefined, undefined]);
  });

  test('statusOf() leaves an init container as it ended that runs again in another sandbox, where the API would not hear of it', () => {
    const shown = (restartPolicy: 'Always' | 'OnFailure' | 'Never', code: number) => {
      const seen = makeSeen(makePod({ restartPolicy, initContainers: [makeContainer('one')] }), [makeEnd('one', code)]);
      const pod = { ...seen.pod!, status: statusAt(seen) };
      const again = makeRun('one', { attempt: 1, createdAt: startMs + 5000, startedAt: startMs + 5000 });
      const { initContainerStatuses, phase } = statusAt(makeSeen(pod, [makeEnd('one', code), again]));
      const [one] = initContainerStatuses!;
      assert.deepEqual([one?.ready, one?.restartCount, phase], [false, 1, 'Pending']);
      return Object.keys(one!.state!)[0];
    };
    assert.deepEqual([shown('Always', 0), shown('OnFailure', 1)], ['running', 'running']);
    assert.deepEqual([shown('OnFailure', 0), shown('Never', 0)], ['terminated', 'terminated']);
  });

  test('statusOf() never calls ended what was ended to run again', () => {
    const ended = makeEnd('app', 0);
    const pod = makePod({ restartPolicy: 'OnFailure' });
    const look = (more: object) =>
      statusAt(makeSeen(pod, [ended], { containers: { app: { replaced: ended.id, ...more } } }));
    const { phase, containerStatuses } = look({});
    assert.deepEqual([phase, containerStatuses?.[0]?.state], ['Running', { waiting: { reason: 'ContainerCreating' } }]);
    const problem = { reason: 'CrashLoopBackOff', message: 'back-off' };
    assert.deepEqual(look({ problem }).containerStatuses?.[0]?.state, { waiting: problem });
  });

  test('statusOf() shows how the last run of a crash loop went once the pod has ended', () => {
    const pod = makePod({}, undefined, { deletionTimestamp: '2026-01-01T00:00:10Z' });
    const problem = { reason: 'CrashLoopBackOff', message: 'back-off 10s' };
    const [app] = statusAt(makeSeen(pod, [makeEnd('app', 3)], { containers: { app: { problem } } })).containerStatuses!;
    assert.equal(app?.state?.terminated?.exitCode, 3);
  });

  test('statusOf() lets the containers of a pod say 12 KiB at their end, all together', () => {
    const pod = makePod({
      restartPolicy: 'Never',
      initContainers: [makeContainer('one')],
      containers: ['a', 'b', 'c'].map((name) => makeContainer(name)),
    });
    const message = 'é'.repeat(2048);
    const runs = ['one', 'a', 'b', 'c'].map((name) => makeEnd(name, 0, { message }));
    const { containerStatuses = [], initContainerStatuses = [] } = statusAt(makeSeen(pod, runs));
    for (const { state } of [...containerStatuses, ...initContainerStatuses]) {
      assert.equal(state?.terminated?.message, 'é'.repeat(1536));
    }
    const alone = statusAt(makeSeen(makePod({ restartPolicy: 'Never' }), [makeEnd('app', 0, { message })]));
    assert.equal(alone.containerStatuses?.[0]?.state?.terminated?.message, message);
  });

  test('statusOf() says of a debugger’s container neither that it has started nor that it is ready', () => {
    const pod = makePod({ ephemeralContainers: [{ name: 'doctor', image: 'doctor:1' }] });
    for (const runs of [[makeRun('app')], [makeRun('app'), makeRun('doctor')], [makeRun('app'), makeEnd('doctor')]]) {
      const [doctor] = statusAt(makeSeen(pod, runs)).ephemeralContainerStatuses!;
      assert.deepEqual([doctor?.started, doctor?.ready, doctor?.restartCount], [undefined, false, 0]);
    }
  });

  test('statusOf() keeps readiness down until the gates open', () => {
    const pod = makePod({ readinessGates: [{ conditionType: 'example.com/lit' }] });
    const ready = conditionOf(statusAt(makeSeen(pod, [makeRun('app')])).conditions, 'Ready');
    assert.equal(ready?.reason, 'ReadinessGatesNotReady');
    assert.equal(ready?.message, 'corresponding condition of pod readiness gate "example.com/lit" does not exist.');
  });

  test('statusOf() moves a transition time only with its status', () => {
    const first = makeSeen(makePod(), [makeRun('app')]);
    const pod = { ...first.pod!, status: statusAt(first) };
    const later = statusAt(makeSeen(pod, [makeRun('app')]), startMs + 60_000);
    assert.deepEqual(later, pod.status);
  });
});
