import assert from 'node:assert/strict';
import type { PodDisruptionBudgetSpec } from '#lib/kinds/gen/policy-v1.ts';
import { pod } from '#lib/kinds/pod.ts';
import { podDisruptionBudget } from '#lib/kinds/pod-disruption-budget.ts';
import { makeTestWorld } from '../testing/world.ts';
import type { TestWorld } from '../testing/world.ts';
import { decide } from './decide.ts';

function worldWith(spec: PodDisruptionBudgetSpec, ready: boolean[], status?: object): TestWorld {
  const world = makeTestWorld();
  world.put(podDisruptionBudget, { metadata: { name: 'b' }, spec, ...(status && { status }) });
  ready.forEach((isReady, i) => {
    const conditions = [{ type: 'Ready', status: isReady ? 'True' : 'False' }];
    world.put(pod, { metadata: { name: `p${i}` }, spec: {}, status: { phase: 'Running', conditions } });
  });
  return world;
}

function step(world: TestWorld, expectedScale?: number) {
  const seen = { budget: world.get(podDisruptionBudget, 'b'), pods: world.list(pod), expectedScale, now: world.now };
  const actions = decide(seen);
  world.apply(actions);
  const { disruptionsAllowed, currentHealthy, desiredHealthy, expectedPods } = world.get(
    podDisruptionBudget,
    'b',
  ).status!;
  return [disruptionsAllowed, currentHealthy, desiredHealthy, expectedPods];
}

suite('disruption decide', () => {
  test('decide() allows what is healthy beyond the wanted', () => {
    assert.deepEqual(step(worldWith({ minAvailable: 2 }, [true, true, true, false])), [1, 3, 2, 4]);
    assert.deepEqual(step(worldWith({ minAvailable: '50%' }, [true, true, true]), 3), [1, 3, 2, 3]);
    assert.deepEqual(step(worldWith({ maxUnavailable: 1 }, [true, true, false]), 3), [0, 2, 2, 3]);
    assert.deepEqual(step(worldWith({ maxUnavailable: '34%' }, [true, true, true]), 3), [2, 3, 1, 3]);
    assert.deepEqual(step(worldWith({ minAvailable: 0 }, [])), [0, 0, 0, 0]);
  });

  test('decide() tells its condition, and rests when nothing changes', () => {
    const world = worldWith({ minAvailable: 1 }, [true, true]);
    step(world);
    const [condition] = world.get(podDisruptionBudget, 'b').status!.conditions!;
    assert.deepEqual(
      [condition!.type, condition!.status, condition!.reason],
      ['DisruptionAllowed', 'True', 'SufficientPods'],
    );
    const { resourceVersion } = world.get(podDisruptionBudget, 'b').metadata;
    step(world);
    assert.equal(world.get(podDisruptionBudget, 'b').metadata.resourceVersion, resourceVersion);
  });

  test('decide() counts an allowed eviction as done until its time is over', () => {
    const disruptedPods = { p0: '2026-01-01T00:00:00Z', gone: '2026-01-01T00:00:00Z' };
    const world = worldWith({ minAvailable: 1 }, [true, true], { disruptedPods });
    assert.deepEqual(step(world), [0, 1, 1, 2]);
    assert.deepEqual(Object.keys(world.get(podDisruptionBudget, 'b').status!.disruptedPods!), ['p0']);
    world.now += 120_000;
    assert.deepEqual(step(world), [1, 2, 1, 2]);
    assert.equal(world.get(podDisruptionBudget, 'b').status!.disruptedPods, undefined);
  });
});
