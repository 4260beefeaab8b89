import assert from 'node:assert/strict';
import fc from 'fast-check';
import { controllerRevision } from '#lib/kinds/controller-revision.ts';
import type { StatefulSet, StatefulSetSpec } from '#lib/kinds/gen/apps-v1.ts';
import { persistentVolumeClaim } from '#lib/kinds/persistent-volume-claim.ts';
import { pod } from '#lib/kinds/pod.ts';
import { statefulSet } from '#lib/kinds/stateful-set.ts';
import { makeTestWorld } from '../testing/world.ts';
import type { TestWorld } from '../testing/world.ts';
import { decide } from './decide.ts';

const templateOf = (image: string) => ({
  metadata: { labels: { app: 'db' } },
  spec: { containers: [{ name: 'c', image }] },
});

function putSet(world: TestWorld, spec: Partial<StatefulSetSpec> = {}): StatefulSet {
  const full = {
    replicas: 3,
    serviceName: 'db',
    selector: { matchLabels: { app: 'db' } },
    template: templateOf('one'),
    updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0 } },
    ...spec,
  };
  return world.put(statefulSet, { metadata: { name: 'db' }, spec: full });
}

function step(world: TestWorld) {
  const actions = decide({
    set: world.get(statefulSet, 'db'),
    candidates: world.list(pod),
    revisions: world.list(controllerRevision),
    isTaken: (name) => world.find(controllerRevision, { namespace: 'default', name }) !== undefined,
    claimAt: (ref) => world.find(persistentVolumeClaim, ref),
    now: world.now,
  });
  world.apply(actions);
  return actions;
}

/** Lets pods that wait for it run; how many those were. */
function runPods(world: TestWorld, limit = Infinity): number {
  const conditions = [{ type: 'Ready', status: 'True', lastTransitionTime: '2025-01-01T00:00:00Z' }];
  const waiting = world
    .list(pod)
    .filter(({ status, spec }) => !status?.phase && spec.containers[0]!.image !== 'broken')
    .slice(0, limit);
  for (const each of waiting) world.put(pod, { ...each, status: { phase: 'Running', conditions } });
  return waiting.length;
}

function settle(world: TestWorld, check = () => {}): void {
  for (let round = 0; round < 100; round++) {
    const actions = step(world);
    check();
    if (runPods(world) + actions.length === 0) return;
  }
  assert.fail('Still acting after 100 rounds');
}

function change(world: TestWorld, spec: Partial<StatefulSetSpec>): void {
  const before = world.get(statefulSet, 'db');
  const object: StatefulSet = { ...before, spec: { ...before.spec, ...spec } };
  world.apply([{ do: 'update', kind: statefulSet, object }]);
}

const pods = (world: TestWorld) =>
  world
    .list(pod)
    .map(({ metadata, spec }) => `${metadata.name} ${spec.containers[0]!.image}`)
    .toSorted((a, b) => a.localeCompare(b));

suite('stateful-set decide', () => {
  test('decide() makes pods in order, each when the one before is ready, with names and volumes that stay', () => {
    const world = makeTestWorld();
    const claim = { metadata: { name: 'data' }, spec: { accessModes: ['ReadWriteOnce'] } };
    putSet(world, { volumeClaimTemplates: [claim as never] });
    for (let round = 0; round < 5; round++) step(world);
    assert.deepEqual(pods(world), ['db-0 one']);
    runPods(world);
    settle(world);
    assert.deepEqual(pods(world), ['db-0 one', 'db-1 one', 'db-2 one']);
    const first = world.get(pod, 'db-0');
    assert.equal(first.spec.hostname, 'db-0');
    assert.equal(first.spec.subdomain, 'db');
    assert.deepEqual(first.spec.volumes, [{ name: 'data', persistentVolumeClaim: { claimName: 'data-db-0' } }]);
    assert.equal(first.metadata.labels!['apps.kubernetes.io/pod-index'], '0');
    const { status } = world.get(statefulSet, 'db');
    assert.equal(first.metadata.labels!['controller-revision-hash'], status!.currentRevision);
    assert.deepEqual(
      [status!.replicas, status!.readyReplicas, status!.currentReplicas, status!.updatedReplicas],
      [3, 3, 3, 3],
    );
    assert.ok(world.events.includes('SuccessfulCreate: create Claim data-db-0 Pod db-0 in StatefulSet db success'));
    assert.ok(world.events.includes('SuccessfulCreate: create Pod db-0 in StatefulSet db successful'));
    world.remove(pod, first);
    settle(world);
    assert.equal(world.get(pod, 'db-0').spec.volumes![0]!.persistentVolumeClaim!.claimName, 'data-db-0');
    assert.equal(world.list(persistentVolumeClaim).length, 3);
  });

  test('decide() scales down from the top, one at a time', () => {
    const world = makeTestWorld();
    putSet(world);
    settle(world);
    change(world, { replicas: 1 });
    step(world);
    assert.deepEqual(pods(world), ['db-0 one', 'db-1 one']);
    settle(world);
    assert.deepEqual(pods(world), ['db-0 one']);
  });

  test('decide() in parallel makes all at once', () => {
    const world = makeTestWorld();
    putSet(world, { podManagementPolicy: 'Parallel' });
    step(world);
    step(world);
    assert.equal(world.list(pod).length, 3);
  });

  test('decide() rolls from the largest ordinal and stops at one that does not come up', () => {
    const world = makeTestWorld();
    putSet(world);
    settle(world);
    change(world, { template: templateOf('broken') });
    settle(world);
    assert.deepEqual(pods(world), ['db-0 one', 'db-1 one', 'db-2 broken']);
    const { status } = world.get(statefulSet, 'db');
    assert.notEqual(status!.currentRevision, status!.updateRevision);
  });

  test('decide() leaves pods below the partition at the current revision, even when they are made anew', () => {
    const world = makeTestWorld();
    putSet(world);
    settle(world);
    change(world, {
      template: templateOf('two'),
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 2 } },
    });
    settle(world);
    assert.deepEqual(pods(world), ['db-0 one', 'db-1 one', 'db-2 two']);
    world.remove(pod, world.get(pod, 'db-1'));
    settle(world);
    assert.deepEqual(pods(world), ['db-0 one', 'db-1 one', 'db-2 two']);
    change(world, { updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0 } } });
    settle(world);
    assert.deepEqual(pods(world), ['db-0 two', 'db-1 two', 'db-2 two']);
    const { status } = world.get(statefulSet, 'db');
    assert.equal(status!.currentRevision, status!.updateRevision);
  });

  test('decide() counts ordinals from the start asked for', () => {
    const world = makeTestWorld();
    putSet(world, { replicas: 2, ordinals: { start: 5 } });
    settle(world);
    assert.deepEqual(pods(world), ['db-5 one', 'db-6 one']);
  });

  test('decide() makes a failed pod anew', () => {
    const world = makeTestWorld();
    putSet(world, { replicas: 1 });
    settle(world);
    const before = world.get(pod, 'db-0');
    world.put(pod, { ...before, status: { phase: 'Failed' } });
    settle(world);
    assert.notEqual(world.get(pod, 'db-0').metadata.uid, before.metadata.uid);
    assert.ok(world.events.includes('RecreatingFailedPod: StatefulSet default/db is recreating failed Pod db-0'));
  });

  test('decide() gives claims the owners that the retention policy asks for', () => {
    const world = makeTestWorld();
    const volumeClaimTemplates = [{ metadata: { name: 'data' }, spec: {} } as never];
    const set = putSet(world, {
      replicas: 2,
      volumeClaimTemplates,
      persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Delete', whenScaled: 'Delete' },
    });
    settle(world);
    const owners = (name: string) =>
      world.get(persistentVolumeClaim, name).metadata.ownerReferences?.map(({ uid }) => uid);
    assert.deepEqual(owners('data-db-1'), [set.metadata.uid]);
    const { uid } = world.get(pod, 'db-1').metadata;
    change(world, { replicas: 1 });
    settle(world);
    assert.deepEqual(owners('data-db-1'), [uid]);
    assert.deepEqual(owners('data-db-0'), [set.metadata.uid]);
  });

  test('decide() in order never has two pods on their way, whatever is asked', () => {
    const asked = fc.record({ replicas: fc.nat(5), image: fc.constantFrom('one', 'two', 'three'), rounds: fc.nat(8) });
    fc.assert(
      fc.property(fc.array(asked, { minLength: 1, maxLength: 5 }), (changes) => {
        const world = makeTestWorld();
        putSet(world);
        const unready = () => world.list(pod).filter(({ status }) => !status?.phase).length;
        for (const { replicas, image, rounds } of changes) {
          change(world, { replicas, template: templateOf(image) });
          for (let round = 0; round < rounds; round++) {
            step(world);
            assert.ok(unready() <= 1);
            if (round % 2 === 1) runPods(world);
          }
        }
        settle(world, () => assert.ok(unready() <= 1));
        const { spec } = world.get(statefulSet, 'db');
        const image = spec.template.spec!.containers[0]!.image!;
        assert.deepEqual(
          pods(world),
          Array.from({ length: spec.replicas! }, (_, i) => `db-${i} ${image}`),
        );
      }),
      { numRuns: 40 },
    );
  });
});
