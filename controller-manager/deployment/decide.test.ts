import assert from 'node:assert/strict';
import fc from 'fast-check';
import { deployment } from '#lib/kinds/deployment.ts';
import type { Deployment, DeploymentSpec, ReplicaSet } from '#lib/kinds/gen/apps-v1.ts';
import { pod } from '#lib/kinds/pod.ts';
import { replicaSet } from '#lib/kinds/replica-set.ts';
import { conditionOf } from '#lib/meta/conditions.ts';
import { equal } from '#lib/meta/equal.ts';
import { controllerOf, controllerRef } from '#lib/meta/owners.ts';
import { makeTestWorld } from '../testing/world.ts';
import type { TestWorld } from '../testing/world.ts';
import { revisionOf } from './annotations.ts';
import { decide, failed } from './decide.ts';
import type { Seen } from './decide.ts';
import { maxSurge, maxUnavailable, replicasOf, totalReplicas } from './numbers.ts';

const templateOf = (image: string) => ({
  metadata: { labels: { app: 'web' } },
  spec: { containers: [{ name: 'c', image }] },
});

function putDeployment(world: TestWorld, spec: Partial<DeploymentSpec> = {}): Deployment {
  const full = {
    replicas: 3,
    selector: { matchLabels: { app: 'web' } },
    template: templateOf('one'),
    strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' } },
    revisionHistoryLimit: 10,
    progressDeadlineSeconds: 600,
    ...spec,
  };
  return world.put(deployment, { metadata: { name: 'web' }, spec: full });
}

/** As a user who writes the object anew. */
function change(world: TestWorld, spec: Partial<DeploymentSpec>, annotations?: Record<string, string>): void {
  const before = world.get(deployment, 'web');
  const metadata = {
    ...before.metadata,
    ...(annotations && { annotations: { ...before.metadata.annotations, ...annotations } }),
  };
  const object: Deployment = { ...before, metadata, spec: { ...before.spec, ...spec } };
  world.apply([{ do: 'update', kind: deployment, object }]);
}

function see(world: TestWorld): Seen {
  const object = world.get(deployment, 'web');
  const sets = world.list(replicaSet);
  return {
    deployment: object,
    candidates: sets.filter((set) => [undefined, object.metadata.uid].includes(controllerOf(set)?.uid)),
    isTaken: (name) => sets.some(({ metadata }) => metadata.name === name),
    podsOf: (of) =>
      world.list(pod).filter((each) => of.some(({ metadata }) => metadata.uid === controllerOf(each)?.uid)),
    now: world.now,
  };
}

function writeCounts(world: TestWorld, set: ReplicaSet, replicas: number, available = replicas): void {
  const current = world.find(replicaSet, { namespace: 'default', name: set.metadata.name })!;
  const status = {
    replicas,
    readyReplicas: available,
    availableReplicas: available,
    observedGeneration: current.metadata.generation,
  };
  if (equal(status, current.status)) return;
  world.apply([{ do: 'status', kind: replicaSet, object: { ...current, status } as ReplicaSet }]);
}

/** Every set has the pods it asks for, all available. */
function fulfil(world: TestWorld): void {
  for (const set of world.list(replicaSet)) writeCounts(world, set, replicasOf(set));
}

/** Decides and fulfils until nothing is left to do. */
function settle(world: TestWorld): void {
  for (let round = 0; round < 40; round++) {
    const actions = decide(see(world)).filter((action) => action.do !== 'wake');
    if (actions.length === 0) return;
    world.apply(actions);
    fulfil(world);
  }
  assert.fail('Still acting after 40 rounds');
}

const sizesOf = (world: TestWorld) => world.list(replicaSet).map((set) => replicasOf(set));
const condition = (world: TestWorld, type: string) =>
  conditionOf(world.get(deployment, 'web').status?.conditions, type);

suite('deployment decide', () => {
  test('decide() creates the first set at full size, notes its revision and completes', () => {
    const world = makeTestWorld();
    const owner = putDeployment(world);
    world.apply(decide(see(world)));
    const [set] = world.list(replicaSet);
    const hash = set!.metadata.labels!['pod-template-hash']!;
    assert.match(hash, /^[bcdfghjklmnpqrstvwxz2456789]{5,10}$/);
    assert.equal(set!.metadata.name, `web-${hash}`);
    assert.deepEqual(set!.metadata.ownerReferences, [controllerRef(owner)]);
    assert.deepEqual(set!.spec.selector.matchLabels, { app: 'web', 'pod-template-hash': hash });
    assert.deepEqual(set!.metadata.annotations, {
      'deployment.kubernetes.io/revision': '1',
      'deployment.kubernetes.io/desired-replicas': '3',
      'deployment.kubernetes.io/max-replicas': '4',
    });
    assert.deepEqual(world.events, [`ScalingReplicaSet: Scaled up replica set web-${hash} from 0 to 3`]);
    assert.equal(condition(world, 'Progressing')?.reason, 'NewReplicaSetCreated');
    assert.equal(condition(world, 'Available')?.reason, 'MinimumReplicasUnavailable');
    settle(world);
    assert.equal(revisionOf(world.get(deployment, 'web')), 1);
    assert.equal(condition(world, 'Progressing')?.reason, 'NewReplicaSetAvailable');
    assert.equal(condition(world, 'Progressing')?.message, `ReplicaSet "web-${hash}" has successfully progressed.`);
    assert.equal(condition(world, 'Available')?.reason, 'MinimumReplicasAvailable');
    assert.equal(world.get(deployment, 'web').status?.observedGeneration, 1);
  });

  test('decide() rolls to a new template, and back to the old set under a new revision', () => {
    const world = makeTestWorld();
    putDeployment(world);
    settle(world);
    change(world, { template: templateOf('two') });
    settle(world);
    assert.deepEqual(sizesOf(world), [0, 3]);
    change(world, { template: templateOf('one') });
    settle(world);
    assert.deepEqual(sizesOf(world), [3, 0]);
    const [first] = world.list(replicaSet);
    assert.equal(revisionOf(first!), 3);
    assert.equal(first!.metadata.annotations!['deployment.kubernetes.io/revision-history'], '1');
    assert.equal(revisionOf(world.get(deployment, 'web')), 3);
  });

  test('decide() waits for available pods before it shrinks the old set', () => {
    const world = makeTestWorld();
    putDeployment(world, {
      replicas: 10,
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 2, maxUnavailable: 1 } },
    });
    settle(world);
    change(world, { template: templateOf('broken') });
    for (let round = 0; round < 6; round++) {
      world.apply(decide(see(world)));
      const [old, fresh] = world.list(replicaSet);
      writeCounts(world, old!, replicasOf(old!));
      if (fresh) writeCounts(world, fresh, replicasOf(fresh), 0);
    }
    assert.deepEqual(sizesOf(world), [9, 3]);
  });

  test('decide() under Recreate removes every old pod before it creates the new set', () => {
    const world = makeTestWorld();
    putDeployment(world, { strategy: { type: 'Recreate' } });
    settle(world);
    const [old] = world.list(replicaSet);
    const going = world.put(pod, {
      metadata: { name: 'going', ownerReferences: [controllerRef(old!)] },
      spec: { containers: [] },
    });
    change(world, { template: templateOf('two') });
    settle(world);
    assert.deepEqual(sizesOf(world), [0]);
    world.remove(pod, going);
    settle(world);
    assert.deepEqual(sizesOf(world), [0, 3]);
  });

  test('decide() scales both sets in proportion while a rollout goes on', () => {
    const world = makeTestWorld();
    putDeployment(world, {
      replicas: 10,
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 3, maxUnavailable: 2 } },
    });
    settle(world);
    change(world, { template: templateOf('broken') });
    for (let round = 0; round < 6; round++) {
      world.apply(decide(see(world)));
      const [old, fresh] = world.list(replicaSet);
      writeCounts(world, old!, replicasOf(old!));
      if (fresh) writeCounts(world, fresh, replicasOf(fresh), 0);
    }
    assert.deepEqual(sizesOf(world), [8, 5]);
    change(world, { replicas: 15 });
    world.apply(decide(see(world)));
    assert.deepEqual(sizesOf(world), [11, 7]);
  });

  test('decide() while paused scales but does not roll', () => {
    const world = makeTestWorld();
    putDeployment(world);
    settle(world);
    change(world, { paused: true, template: templateOf('two'), replicas: 5 });
    settle(world);
    assert.deepEqual(sizesOf(world), [5]);
    assert.equal(condition(world, 'Progressing')?.reason, 'DeploymentPaused');
    change(world, { paused: false });
    settle(world);
    assert.deepEqual(sizesOf(world), [0, 5]);
  });

  test('decide() keeps as many old sets as the history limit says', () => {
    const world = makeTestWorld();
    putDeployment(world, { revisionHistoryLimit: 1 });
    for (const image of ['one', 'two', 'three', 'four']) {
      change(world, { template: templateOf(image) });
      settle(world);
    }
    assert.deepEqual(world.list(replicaSet).map(revisionOf), [3, 4]);
  });

  test('decide() calls a rollout that does not move stuck after its deadline, and wakes for that', () => {
    const world = makeTestWorld();
    putDeployment(world, { progressDeadlineSeconds: 10 });
    world.apply(decide(see(world)));
    world.apply(decide(see(world)));
    world.apply(decide(see(world)));
    assert.deepEqual(decide(see(world)), [{ do: 'wake', afterMs: 11_000 }]);
    world.now += 11_000;
    world.apply(decide(see(world)));
    assert.equal(condition(world, 'Progressing')?.status, 'False');
    assert.equal(condition(world, 'Progressing')?.reason, 'ProgressDeadlineExceeded');
    assert.deepEqual(decide(see(world)), []);
  });

  test('decide() gives the new set another name when its own is taken', () => {
    const world = makeTestWorld();
    putDeployment(world);
    world.apply(decide(see(world)));
    const [first] = world.list(replicaSet);
    world.remove(replicaSet, first!);
    world.put(replicaSet, {
      metadata: { name: first!.metadata.name, ownerReferences: [{ ...controllerRef(first!) }] },
      spec: {},
    });
    world.apply(decide(see(world)));
    assert.equal(world.get(deployment, 'web').status?.collisionCount, 1);
    settle(world);
    assert.equal(world.list(replicaSet).length, 2);
  });

  test('failed() tells why the new set could not be created', () => {
    const world = makeTestWorld();
    putDeployment(world);
    const [action] = decide(see(world));
    world.apply(failed(see(world), [{ action: action!, error: new Error('quota') }]));
    assert.equal(condition(world, 'Progressing')?.reason, 'ReplicaSetCreateError');
    assert.match(condition(world, 'Progressing')!.message!, /^Failed to create new replica set "web-\w+": quota$/);
  });

  test('decide() copies annotations to the newest set', () => {
    const world = makeTestWorld();
    putDeployment(world);
    settle(world);
    change(world, {}, { 'kubernetes.io/change-cause': 'because' });
    settle(world);
    assert.equal(world.list(replicaSet)[0]!.metadata.annotations!['kubernetes.io/change-cause'], 'because');
  });

  test('decide() reaches a fixed point within the bounds of surge and availability', () => {
    const share = fc.oneof(
      fc.nat(4),
      fc.nat(100).map((percent) => `${percent}%`),
    );
    const steps = fc.array(
      fc.record({
        image: fc.constantFrom('one', 'two', 'three'),
        replicas: fc.nat(12),
        progress: fc.array(fc.nat(3), { maxLength: 12 }),
      }),
      { minLength: 1, maxLength: 4 },
    );
    fc.assert(
      fc.property(share, share, steps, (surge, unavailable, changes) => {
        const world = makeTestWorld();
        const rollingUpdate = { maxSurge: surge, maxUnavailable: unavailable };
        putDeployment(world, { replicas: 4, strategy: { type: 'RollingUpdate', rollingUpdate } });
        settle(world);
        for (const { image, replicas, progress } of changes) {
          change(world, { template: templateOf(image), replicas });
          settleScale(world);
          for (const step of progress) {
            stepWithin(world, () => advancePods(world, step));
          }
        }
        for (let round = 0; ; round++) {
          assert.ok(round < 100, 'Still acting after 100 rounds');
          const before = JSON.stringify(world.list(replicaSet));
          stepWithin(world, () => fulfil(world));
          if (JSON.stringify(world.list(replicaSet)) === before && isQuiet(world)) break;
        }
        const wanted = replicasOf(world.get(deployment, 'web'));
        assert.equal(totalReplicas(world.list(replicaSet)), wanted);
        assert.equal(sizesOf(world).filter((size) => size > 0).length, wanted > 0 ? 1 : 0);
      }),
      { numRuns: 60 },
    );
  });
});

const isQuiet = (world: TestWorld) => decide(see(world)).every((action) => action.do === 'wake');

/** Lets the change of size take effect first: bounds are about the rollout that follows. */
function settleScale(world: TestWorld): void {
  for (let round = 0; round < 4; round++) world.apply(decide(see(world)));
}

/** One decision, in which the bounds hold, then what `advance` does to the pods. */
function stepWithin(world: TestWorld, advance: () => void): void {
  const object = world.get(deployment, 'web');
  const before = world.list(replicaSet);
  const available = (sets: readonly ReplicaSet[]) =>
    sets.reduce((sum, set) => sum + Math.min(set.status?.availableReplicas ?? 0, replicasOf(set)), 0);
  const ceiling = Math.max(totalReplicas(before), replicasOf(object) + maxSurge(object));
  const floor = Math.min(available(before), replicasOf(object) - maxUnavailable(object));
  world.apply(decide(see(world)));
  const after = world.list(replicaSet);
  assert.ok(totalReplicas(after) <= ceiling, `${totalReplicas(after)} pods of at most ${ceiling}`);
  assert.ok(available(after) >= floor, `${available(after)} available of at least ${floor}`);
  advance();
}

/** Some of the pods asked for appear and become available; surplus ones go. */
function advancePods(world: TestWorld, count: number): void {
  for (const set of world.list(replicaSet)) {
    const wanted = replicasOf(set);
    const available = Math.min(wanted, (set.status?.availableReplicas ?? 0) + count);
    writeCounts(world, set, wanted, available);
  }
}
