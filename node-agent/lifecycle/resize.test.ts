import assert from 'node:assert/strict';
import { nextStep } from './next-step.ts';
import { makeContainer, makeEnd, makePod, makeRun, makeSandbox, makeSeen, startMs } from './pods.fixture.ts';
import { asGiven, resizeStatus, resizeVerdict } from './resize.ts';
import { podResources } from './resources.ts';
import { statusOf } from './status.ts';
import type { Notes, Seen } from './types.ts';

suite('node-agent/lifecycle resize', () => {
  const asks = (cpu: string, memory = '64Mi') => ({ requests: { cpu, memory }, limits: { cpu, memory } });
  const restarting = [{ resourceName: 'memory', restartPolicy: 'RestartContainer' as const }];
  const podOf = (resources: object, more: object = {}) =>
    makePod({ containers: [makeContainer('app', { resources, ...more })] });
  const seenOf = (
    was: object,
    now: object,
    { notes = {}, more = {} }: { notes?: Partial<Notes>; more?: object } = {},
  ) => {
    const pod = podOf(now, more);
    const seen = { ...makeSeen(pod, [], notes), pod };
    const run = makeRun('app', { asked: was });
    return { ...seen, observed: makeSandbox([run], { resources: podResources(podOf(was)) }) } satisfies Seen;
  };
  const room = { allocatable: { cpu: '2', memory: '1Gi', pods: 10 }, labels: {} };
  const judge = (seen: Seen, others: ReturnType<typeof makePod>[] = []) =>
    resizeVerdict(seen, seen.pod!, () => others, room);

  test('nextStep() gives running containers, and their pod, what they now ask for', () => {
    const step = nextStep(seenOf(asks('100m'), asks('200m')), startMs + 1000);
    assert.equal(step.do, 'resize');
    const { to } = step as typeof step & { do: 'resize' };
    assert.deepEqual([to.pod.cpuQuota, to.containers[0]?.resources.cpuQuota], [20_000, 20_000]);
    assert.deepEqual(to.containers[0]?.asked, asks('200m'));
    assert.equal(nextStep(seenOf(asks('100m'), asks('0.1')), startMs + 1000).do, 'wait');
    const bounded = seenOf(asks('100m'), asks('100m'));
    const resources = { ...bounded.observed.resources, pidsLimit: 9 };
    assert.equal(nextStep({ ...bounded, observed: { ...bounded.observed, resources } }, startMs + 1000).do, 'wait');
  });

  test('nextStep() widens the pod first, then starts anew whoever wants that, then narrows the pod', () => {
    const seen = seenOf(asks('100m', '64Mi'), asks('100m', '32Mi'), { more: { resizePolicy: restarting } });
    const stop = nextStep(seen, startMs + 1000);
    assert.equal(stop.do, 'stop');
    assert.equal(
      (stop as typeof stop & { do: 'stop' }).groups[0]?.[0]?.message,
      'Container app resize requires restart',
    );
    const grows = seenOf(asks('100m', '32Mi'), asks('100m', '64Mi'), { more: { resizePolicy: restarting } });
    const widened = nextStep(grows, startMs + 1000) as ReturnType<typeof nextStep> & { do: 'resize' };
    assert.deepEqual(
      [widened.do, widened.to.pod.memoryLimitBytes, widened.to.containers],
      ['resize', 64 * 2 ** 20, []],
    );
    const anew = makeRun('app', { attempt: 1, asked: asks('100m', '32Mi') });
    const narrowed = nextStep({ ...seen, observed: { ...seen.observed, containers: [anew] } }, startMs + 1000);
    assert.equal(narrowed.do === 'resize' && narrowed.to.pod.memoryLimitBytes, 32 * 2 ** 20);
  });

  test('nextStep() rests after a failed resize, and looks again later when one has to wait', () => {
    const trouble = { step: 'resize' as const, message: '', count: 1, retryAt: startMs + 5000 };
    const failed = seenOf(asks('100m'), asks('200m'), { notes: { trouble } });
    assert.deepEqual(nextStep(failed, startMs + 1000), { do: 'wait', untilMs: startMs + 5000 });
    const deferred = seenOf(asks('100m'), asks('200m'), { notes: { resize: 'Deferred' } });
    assert.deepEqual(nextStep(deferred, startMs), { do: 'wait', untilMs: startMs + 10_000 });
    const infeasible = seenOf(asks('100m'), asks('9'), { notes: { resize: 'Infeasible' } });
    assert.deepEqual(nextStep(infeasible, startMs), { do: 'wait', untilMs: undefined });
  });

  test('resizeVerdict() tells what the node never has from what it has not now', () => {
    assert.equal(judge(seenOf(asks('100m'), asks('3'))), 'Infeasible');
    assert.equal(judge(seenOf(asks('100m'), asks('1')), [podOf(asks('1500m'))]), 'Deferred');
    assert.equal(judge(seenOf(asks('100m'), asks('1'))), undefined);
    assert.equal(judge(seenOf(asks('3'), asks('3'))), undefined);
  });

  test('asGiven() has what containers were given while they may not have more, ended ones too', () => {
    const seen = seenOf(asks('100m'), asks('3'), { notes: { resize: 'Infeasible' } });
    const ended = { ...seen, observed: makeSandbox([makeEnd('app', 1, { asked: asks('100m') })]) };
    for (const each of [seen, ended]) {
      assert.deepEqual(asGiven(each, seen.pod).spec.containers[0]?.resources, asks('100m'));
    }
    const free = seenOf(asks('100m'), asks('1'));
    assert.deepEqual(asGiven(free, free.pod).spec.containers[0]?.resources, asks('1'));
  });

  test('nextStep() resizes sidecars, while the pod begins too, and no other init container', () => {
    const podWith = (resources: object, more: object = {}) => {
      const side = makeContainer('side', { restartPolicy: 'Always', resources, ...more });
      const init = makeContainer('init', { resources });
      return makePod({ initContainers: [side, init], containers: [makeContainer('app', { resources: asks('100m') })] });
    };
    const [was, now] = [podWith(asks('100m')), podWith(asks('200m'))];
    const sides = [makeRun('side', { asked: asks('100m') }), makeRun('init', { asked: asks('100m') })];
    const side = { id: sides[0]!.id, started: true, ready: true };
    const seenWith = (pod: typeof now, runs = sides, notes: Partial<Notes> = {}) => ({
      ...makeSeen(pod, [], { containers: { side: { health: side } }, ...notes }),
      observed: makeSandbox(runs, { resources: podResources(was) }),
    });
    for (const runs of [sides, [sides[0]!, makeEnd('init'), makeRun('app', { asked: asks('100m') })]]) {
      const step = nextStep(seenWith(now, runs), startMs + 1000);
      assert.ok(step.do === 'resize');
      assert.deepEqual(
        step.to.containers.map(({ id, resources }) => [id, resources.cpuQuota]),
        [[side.id, 20_000]],
      );
      // The sidecar and the init container together want more than the sidecar and the main container.
      assert.equal(step.to.pod.cpuQuota, 40_000);
    }
    const anew = nextStep(seenWith(podWith(asks('100m', '32Mi'), { resizePolicy: restarting })), startMs + 1000);
    assert.equal(anew.do === 'stop' && anew.groups[0]?.[0]?.message, 'Container side resize requires restart');
    const deferred = seenWith(now, sides, { resize: 'Deferred' });
    assert.deepEqual(nextStep(deferred, startMs), { do: 'wait', untilMs: startMs + 10_000 });
    assert.deepEqual(asGiven(deferred, now).spec.initContainers?.[0]?.resources, asks('100m'));
    const status = statusOf(seenWith(now), now, ['10.0.0.1'], startMs);
    assert.equal(status.resize, 'InProgress');
    const [told] = status.initContainerStatuses ?? [];
    assert.deepEqual([told?.resources, told?.allocatedResources], [asks('100m'), asks('100m').requests]);
  });

  test('statusOf() tells of the resize, and of what containers have', () => {
    const seen = seenOf(asks('100m'), asks('200m'));
    const status = statusOf(seen, seen.pod, ['10.0.0.1'], startMs);
    assert.equal(status.resize, 'InProgress');
    assert.deepEqual(status.containerStatuses?.[0]?.resources, asks('100m'));
    assert.deepEqual(status.containerStatuses?.[0]?.allocatedResources, asks('100m').requests);
    assert.equal(resizeStatus(seenOf(asks('1'), asks('1')), podOf(asks('1'))), undefined);
    const waits = seenOf(asks('1'), asks('9'), { notes: { resize: 'Infeasible' } });
    assert.equal(resizeStatus(waits, waits.pod), 'Infeasible');
  });
});
