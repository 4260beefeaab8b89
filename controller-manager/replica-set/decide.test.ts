import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { ReplicaSet } from '#lib/kinds/gen/apps-v1.ts';
import type { Pod } from '#lib/kinds/gen/core-v1.ts';
import { pod } from '#lib/kinds/pod.ts';
import { replicaSet } from '#lib/kinds/replica-set.ts';
import { ApiError } from '#lib/meta/errors.ts';
import { controllerOf, controllerRef } from '#lib/meta/owners.ts';
import { fromLabelSelector } from '#lib/meta/selectors.ts';
import { isActive } from '../pods.ts';
import { makeTestWorld } from '../testing/world.ts';
import type { TestWorld } from '../testing/world.ts';
import { decide, failed } from './decide.ts';
import type { Seen } from './decide.ts';

const template = { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'c', image: 'busybox' }] } };

function putSet(world: TestWorld, replicas: number, extra: object = {}): ReplicaSet {
  const selector = { matchLabels: { app: 'web' } };
  return world.put(replicaSet, { metadata: { name: 'web' }, spec: { replicas, selector, template, ...extra } });
}

function putPod(
  world: TestWorld,
  name: string,
  change: { owner?: ReplicaSet; labels?: object; spec?: object; status?: object; metadata?: object } = {},
): Pod {
  const { owner, labels = { app: 'web' }, spec = {}, status = {} } = change;
  const metadata = { name, labels, ...(owner && { ownerReferences: [controllerRef(owner)] }), ...change.metadata };
  return world.put(pod, { metadata, spec: { containers: [], ...spec }, status: { phase: 'Running', ...status } });
}

function see(world: TestWorld): Seen {
  const set = world.get(replicaSet, 'web');
  const pods = world.list(pod);
  return {
    kind: replicaSet,
    set,
    replicas: set.spec.replicas ?? 1,
    minReadySeconds: set.spec.minReadySeconds ?? 0,
    selector: fromLabelSelector(set.spec.selector)!,
    template: set.spec.template!,
    candidates: pods.filter((each) => [undefined, set.metadata.uid].includes(controllerOf(each)?.uid)),
    related: pods,
    now: world.now,
  };
}

const ready = (since: string) => ({ conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: since }] });

suite('replica-set decide', () => {
  test('decide() creates what is missing, owned and labelled after the template', () => {
    const world = makeTestWorld();
    const set = putSet(world, 3);
    world.apply(decide(see(world)));
    const pods = world.list(pod);
    assert.equal(pods.length, 3);
    assert.deepEqual(pods[0]!.metadata.ownerReferences, [controllerRef(set)]);
    assert.deepEqual(pods[0]!.metadata.labels, { app: 'web' });
    assert.match(world.events[0]!, /^SuccessfulCreate: Created pod: web-\w+$/);
  });

  test('decide() adopts matching orphans, releases owned pods that no longer match, and leaves others alone', () => {
    const world = makeTestWorld();
    const set = putSet(world, 1);
    putPod(world, 'orphan');
    putPod(world, 'strayed', { owner: set, labels: { app: 'debug' } });
    putPod(world, 'other', { labels: { app: 'other' } });
    world.apply(decide(see(world)));
    assert.equal(controllerOf(world.get(pod, 'orphan'))?.uid, set.metadata.uid);
    assert.equal(world.get(pod, 'strayed').metadata.ownerReferences, undefined);
    assert.equal(world.list(pod).length, 3);
  });

  test('decide() deletes pending and unready pods before ready ones, and the cheapest before the dear', () => {
    const world = makeTestWorld();
    const owner = putSet(world, 2);
    const since = '2025-12-01T00:00:00Z';
    const spec = { nodeName: 'n1' };
    putPod(world, 'ready', { owner, spec, status: ready(since) });
    putPod(world, 'cheap', {
      owner,
      spec,
      status: ready(since),
      metadata: { annotations: { 'controller.kubernetes.io/pod-deletion-cost': '-5' } },
    });
    putPod(world, 'unready', { owner, spec });
    putPod(world, 'unassigned', { owner, status: { phase: 'Pending' } });
    putPod(world, 'dear', {
      owner,
      spec,
      status: ready(since),
      metadata: { annotations: { 'controller.kubernetes.io/pod-deletion-cost': '5' } },
    });
    world.apply(decide(see(world)));
    assert.deepEqual(
      world
        .list(pod)
        .map(({ metadata }) => metadata.name)
        .sort(),
      ['dear', 'ready'],
    );
  });

  test('decide() thins out the crowded node first', () => {
    const world = makeTestWorld();
    const owner = putSet(world, 2);
    const status = ready('2025-12-01T00:00:00Z');
    putPod(world, 'a', { owner, spec: { nodeName: 'n1' }, status });
    putPod(world, 'b', { owner, spec: { nodeName: 'n2' }, status });
    putPod(world, 'c', { owner, spec: { nodeName: 'n2' }, status });
    world.apply(decide(see(world)));
    assert.deepEqual(
      world.list(pod).map(({ spec }) => spec.nodeName),
      ['n1', 'n2'],
    );
  });

  test('decide() replaces finished and going pods', () => {
    const world = makeTestWorld();
    const owner = putSet(world, 1);
    putPod(world, 'done', { owner, status: { phase: 'Succeeded' } });
    putPod(world, 'going', { owner, metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' } });
    world.apply(decide(see(world)));
    assert.equal(world.list(pod).filter(isActive).length, 1);
  });

  test('decide() counts available pods after minReadySeconds, and wakes for that', () => {
    const world = makeTestWorld();
    const owner = putSet(world, 1, { minReadySeconds: 10 });
    putPod(world, 'a', { owner, status: ready('2025-12-31T23:59:57Z') });
    const actions = decide(see(world));
    assert.deepEqual(actions.at(-1), { do: 'wake', afterMs: 7000 });
    world.apply(actions);
    assert.deepEqual(world.get(replicaSet, 'web').status, {
      replicas: 1,
      fullyLabeledReplicas: 1,
      readyReplicas: 1,
      observedGeneration: 1,
    });
    world.now += 7000;
    world.apply(decide(see(world)));
    assert.equal(world.get(replicaSet, 'web').status?.availableReplicas, 1);
    assert.deepEqual(decide(see(world)), []);
  });

  test('failed() sets ReplicaFailure, which goes when the number is right', () => {
    const world = makeTestWorld();
    const owner = putSet(world, 1);
    const error = new ApiError('Forbidden', 'pods "web-" is forbidden: exceeded quota');
    const action = decide(see(world))[0]!;
    world.apply(failed(see(world), [{ action, error }]));
    assert.deepEqual(world.get(replicaSet, 'web').status?.conditions, [
      {
        type: 'ReplicaFailure',
        status: 'True',
        lastTransitionTime: '2026-01-01T00:00:00Z',
        reason: 'FailedCreate',
        message: 'pods "web-" is forbidden: exceeded quota',
      },
    ]);
    putPod(world, 'a', { owner });
    world.apply(decide(see(world)));
    assert.equal(world.get(replicaSet, 'web').status?.conditions, undefined);
  });

  test('decide() reaches a fixed point without overshooting', () => {
    const anyPod = fc.record({
      phase: fc.constantFrom('Pending', 'Running', 'Succeeded', 'Failed'),
      owned: fc.boolean(),
      matching: fc.boolean(),
      node: fc.constantFrom('', 'n1', 'n2'),
      isReady: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.nat(8), fc.array(anyPod, { maxLength: 10 }), (replicas, pods) => {
        const world = makeTestWorld();
        const owner = putSet(world, replicas);
        pods.forEach(({ phase, owned, matching, node, isReady }, i) =>
          putPod(world, `p${i}`, {
            ...(owned && { owner }),
            labels: { app: matching ? 'web' : 'x' },
            spec: { nodeName: node },
            status: { phase, ...(isReady && ready('2025-12-31T00:00:00Z')) },
          }),
        );
        const count = () =>
          world.list(pod).filter((each) => isActive(each) && each.metadata.labels?.app === 'web').length;
        const ceiling = Math.max(replicas, count());
        for (let round = 0; round < 10; round++) {
          const actions = decide(see(world));
          if (actions.length === 0) return assert.equal(count(), replicas);
          world.apply(actions);
          assert.ok(count() <= ceiling);
        }
        assert.fail('Still acting after 10 rounds');
      }),
    );
  });
});
