import assert from 'node:assert/strict';
import fc from 'fast-check';
import { controllerRevision } from '#lib/kinds/controller-revision.ts';
import { daemonSet } from '#lib/kinds/daemon-set.ts';
import type { DaemonSet, DaemonSetSpec } from '#lib/kinds/gen/apps-v1.ts';
import type { Node, Pod } from '#lib/kinds/gen/core-v1.ts';
import { node } from '#lib/kinds/node.ts';
import { pod } from '#lib/kinds/pod.ts';
import { makeTestWorld } from '../testing/world.ts';
import type { TestWorld } from '../testing/world.ts';
import { decide } from './decide.ts';
import { nodeOf } from './plan.ts';

const templateOf = (image: string, spec: object = {}) => ({
  metadata: { labels: { app: 'agent' } },
  spec: { containers: [{ name: 'c', image }], ...spec },
});

function putSet(world: TestWorld, spec: Partial<DaemonSetSpec> = {}): DaemonSet {
  const full = {
    selector: { matchLabels: { app: 'agent' } },
    template: templateOf('one'),
    updateStrategy: { type: 'RollingUpdate' },
    revisionHistoryLimit: 10,
    ...spec,
  };
  return world.put(daemonSet, { metadata: { name: 'agent' }, spec: full });
}

function putNode(world: TestWorld, name: string, spec: object = {}, labels: object = {}): Node {
  return world.put(node, { metadata: { name, labels }, spec });
}

function step(world: TestWorld) {
  const actions = decide({
    set: world.get(daemonSet, 'agent'),
    nodes: world.list(node),
    candidates: world.list(pod),
    revisions: world.list(controllerRevision),
    isTaken: (name) => world.find(controllerRevision, { namespace: 'default', name }) !== undefined,
    now: world.now,
  });
  world.apply(actions);
  return actions;
}

/** Pods are bound to their nodes and ready, but for `broken` images. */
function runPods(world: TestWorld): void {
  for (const each of world.list(pod)) {
    const image = each.spec.containers[0]!.image;
    const ready = image === 'broken' ? 'False' : 'True';
    const conditions = [{ type: 'Ready', status: ready, lastTransitionTime: '2025-01-01T00:00:00Z' }];
    if (each.status?.phase) continue;
    world.put(pod, {
      ...each,
      spec: { ...each.spec, nodeName: nodeOf(each) },
      status: { phase: 'Running', conditions },
    });
  }
}

function settle(world: TestWorld, check = () => {}): void {
  for (let round = 0; round < 60; round++) {
    const actions = step(world).filter((action) => action.do !== 'wake');
    check();
    if (actions.length === 0) return;
    runPods(world);
  }
  assert.fail('Still acting after 60 rounds');
}

function change(world: TestWorld, spec: Partial<DaemonSetSpec>): void {
  const before = world.get(daemonSet, 'agent');
  const object: DaemonSet = { ...before, spec: { ...before.spec, ...spec } };
  world.apply([{ do: 'update', kind: daemonSet, object }]);
}

const places = (world: TestWorld) =>
  world
    .list(pod)
    .map(nodeOf)
    .toSorted((a, b) => a.localeCompare(b));
const images = (world: TestWorld) => world.list(pod).map((each: Pod) => each.spec.containers[0]!.image);

suite('daemon-set decide', () => {
  test('decide() puts a pod on each node that fits, through the troubles of nodes', () => {
    const world = makeTestWorld();
    putNode(world, 'plain', {}, { disk: 'ssd' });
    putNode(world, 'other');
    putNode(
      world,
      'cordoned',
      { taints: [{ key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' }] },
      { disk: 'ssd' },
    );
    putNode(world, 'tainted', { taints: [{ key: 'gpu', effect: 'NoSchedule' }] }, { disk: 'ssd' });
    putSet(world, { template: templateOf('one', { nodeSelector: { disk: 'ssd' } }) });
    settle(world);
    assert.deepEqual(places(world), ['cordoned', 'plain']);
    const [first] = world.list(pod);
    const [revision] = world.list(controllerRevision);
    assert.equal(
      first!.metadata.labels!['controller-revision-hash'],
      revision!.metadata.labels!['controller-revision-hash'],
    );
    assert.equal(first!.spec.tolerations!.length, 6);
    assert.deepEqual(world.get(daemonSet, 'agent').status, {
      currentNumberScheduled: 2,
      desiredNumberScheduled: 2,
      numberMisscheduled: 0,
      numberReady: 2,
      observedGeneration: 1,
      updatedNumberScheduled: 2,
      numberAvailable: 2,
    });
  });

  test('decide() follows nodes that come and go, or no longer fit', () => {
    const world = makeTestWorld();
    const first = putNode(world, 'n1', {}, { disk: 'ssd' });
    putSet(world, { template: templateOf('one', { nodeSelector: { disk: 'ssd' } }) });
    settle(world);
    putNode(world, 'n2', {}, { disk: 'ssd' });
    settle(world);
    assert.deepEqual(places(world), ['n1', 'n2']);
    world.put(node, { ...first, metadata: { ...first.metadata, labels: {} } });
    settle(world);
    assert.deepEqual(places(world), ['n2']);
  });

  test('decide() replaces an ended pod, but not at once when it ended young', () => {
    const world = makeTestWorld();
    putNode(world, 'n1');
    putSet(world);
    settle(world);
    const [only] = world.list(pod);
    world.put(pod, { ...only!, status: { phase: 'Failed' } });
    assert.deepEqual(step(world).at(-1), { do: 'wake', afterMs: 5000 });
    world.now += 5000;
    settle(world);
    assert.notEqual(world.list(pod)[0]!.metadata.uid, only!.metadata.uid);
    assert.ok(
      world.events.some((event) => event.startsWith('FailedDaemonPod: Found failed daemon pod default/agent-')),
    );
  });

  test('decide() rolls to a new template with at most so many missing', () => {
    const world = makeTestWorld();
    for (let i = 0; i < 5; i++) putNode(world, `n${i}`);
    putSet(world, { updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 2 } } });
    settle(world);
    change(world, { template: templateOf('two') });
    settle(world, () => assert.ok(world.list(pod).length >= 3));
    assert.deepEqual(images(world), Array(5).fill('two'));
    assert.equal(world.list(controllerRevision).length, 2);
    change(world, { template: templateOf('one') });
    settle(world);
    assert.deepEqual(
      world.list(controllerRevision).map(({ revision }) => revision),
      [3, 2],
    );
  });

  test('decide() with a surge starts the new pod before it removes the old', () => {
    const world = makeTestWorld();
    for (let i = 0; i < 3; i++) putNode(world, `n${i}`);
    putSet(world, { updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } } });
    settle(world);
    change(world, { template: templateOf('two') });
    settle(world, () => {
      assert.ok(new Set(places(world)).size === 3);
      assert.ok(world.list(pod).length <= 4);
    });
    assert.deepEqual(images(world), Array(3).fill('two'));
  });

  test('decide() under OnDelete waits for its user', () => {
    const world = makeTestWorld();
    putNode(world, 'n1');
    putSet(world, { updateStrategy: { type: 'OnDelete' } });
    settle(world);
    change(world, { template: templateOf('two') });
    settle(world);
    assert.deepEqual(images(world), ['one']);
    world.remove(pod, world.list(pod)[0]!);
    settle(world);
    assert.deepEqual(images(world), ['two']);
  });

  test('decide() stops a rollout to a broken template at the limit, and recovers', () => {
    const limits = fc.record({ nodes: fc.integer({ min: 1, max: 8 }), missing: fc.integer({ min: 1, max: 4 }) });
    fc.assert(
      fc.property(limits, ({ nodes, missing }) => {
        const world = makeTestWorld();
        for (let i = 0; i < nodes; i++) putNode(world, `n${i}`);
        putSet(world, { updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: missing } } });
        settle(world);
        change(world, { template: templateOf('broken') });
        settle(world);
        assert.equal(images(world).filter((image) => image === 'broken').length, Math.min(nodes, missing));
        change(world, { template: templateOf('two') });
        settle(world);
        assert.deepEqual(images(world), Array(nodes).fill('two'));
      }),
      { numRuns: 30 },
    );
  });
});
