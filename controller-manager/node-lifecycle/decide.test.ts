import assert from 'node:assert/strict';
import type { Node, Pod, Taint, Toleration } from '#lib/kinds/gen/core-v1.ts';
import { node } from '#lib/kinds/node.ts';
import { pod } from '#lib/kinds/pod.ts';
import { conditionOf } from '#lib/meta/conditions.ts';
import { makeTestWorld } from '../testing/world.ts';
import type { TestWorld } from '../testing/world.ts';
import { disruptionOf } from './disruption.ts';
import type { Disruption } from './disruption.ts';
import { decide as evict } from './eviction.ts';
import { decide as judge } from './health.ts';
import { makeHeartbeats } from './heartbeats.ts';
import { makeTaintTimes } from './taint-times.ts';

const since = '2026-01-01T00:00:00Z';

function putNode(
  world: TestWorld,
  name: string,
  ready: string,
  change: { taints?: Taint[]; unschedulable?: boolean; conditions?: object[]; labels?: object } = {},
): Node {
  const { taints, unschedulable, conditions = [], labels } = change;
  const all = [{ type: 'Ready', status: ready, lastTransitionTime: since }, ...conditions];
  return world.put(node, { metadata: { name, labels }, spec: { taints, unschedulable }, status: { conditions: all } });
}

function putPod(world: TestWorld, name: string, tolerations: Toleration[] = []): Pod {
  const status = { phase: 'Running', conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: since }] };
  return world.put(pod, { metadata: { name }, spec: { nodeName: 'n1', containers: [], tolerations }, status });
}

function step(
  world: TestWorld,
  { silentMs = 0, disruption = 'none' }: { silentMs?: number; disruption?: Disruption } = {},
) {
  const seen = {
    node: world.get(node, 'n1'),
    pods: world.list(pod),
    silentMs,
    graceMs: 40_000,
    checkMs: 5000,
    disruption,
  };
  const actions = judge({ ...seen, now: world.now });
  // The shell builds a later write of one object on the version that an earlier one made.
  for (const action of actions)
    world.apply(action.do === 'update' ? [{ ...action, object: fresh(world, action.object as Node) }] : [action]);
  return actions;
}

function fresh(world: TestWorld, object: Node): Node {
  const { resourceVersion } = world.get(node, object.metadata.name).metadata;
  return { ...object, metadata: { ...object.metadata, resourceVersion } };
}

const taintsOf = (world: TestWorld) =>
  (world.get(node, 'n1').spec.taints ?? []).map(({ key, effect }) => `${key}:${effect}`);

suite('node-lifecycle decide', () => {
  test('judge() of a silent node sets conditions Unknown, taints it and makes its pods unready', () => {
    const world = makeTestWorld();
    putNode(world, 'n1', 'True', { conditions: [{ type: 'MemoryPressure', status: 'False' }] });
    putPod(world, 'a');
    step(world, { silentMs: 40_000 });
    const { conditions } = world.get(node, 'n1').status!;
    const ready = conditionOf(conditions, 'Ready')!;
    assert.deepEqual(
      [ready.status, ready.reason, ready.message],
      ['Unknown', 'NodeStatusUnknown', 'Kubelet stopped posting node status.'],
    );
    assert.equal(conditionOf(conditions, 'MemoryPressure')?.status, 'Unknown');
    assert.equal(conditionOf(conditions, 'DiskPressure')?.reason, 'NodeStatusNeverUpdated');
    assert.deepEqual(taintsOf(world), [
      'node.kubernetes.io/unreachable:NoSchedule',
      'node.kubernetes.io/unreachable:NoExecute',
    ]);
    assert.equal(conditionOf(world.get(pod, 'a').status!.conditions, 'Ready')?.status, 'False');
    assert.deepEqual(world.events, [
      'NodeNotReady: Node n1 status is now: NodeNotReady',
      'NodeNotReady: Node is not ready',
    ]);
    assert.deepEqual(step(world, { silentMs: 41_000 }), [{ do: 'wake', afterMs: 5000 }]);
  });

  test('judge() of a node that is back removes its taints and keeps those of others', () => {
    const world = makeTestWorld();
    const taints: Taint[] = [
      { key: 'mine', effect: 'NoSchedule' },
      { key: 'node.kubernetes.io/unreachable', effect: 'NoSchedule' },
      { key: 'node.kubernetes.io/unreachable', effect: 'NoExecute' },
    ];
    putNode(world, 'n1', 'True', { taints });
    assert.deepEqual(step(world, { silentMs: 1000 }).at(-1), { do: 'wake', afterMs: 39_000 });
    assert.deepEqual(taintsOf(world), ['mine:NoSchedule']);
  });

  test('judge() turns conditions and cordons into taints', () => {
    const world = makeTestWorld();
    const conditions = [
      { type: 'DiskPressure', status: 'True' },
      { type: 'NetworkUnavailable', status: 'True' },
      { type: 'MemoryPressure', status: 'False' },
    ];
    putNode(world, 'n1', 'False', { conditions, unschedulable: true });
    step(world);
    assert.deepEqual(taintsOf(world), [
      'node.kubernetes.io/not-ready:NoSchedule',
      'node.kubernetes.io/disk-pressure:NoSchedule',
      'node.kubernetes.io/network-unavailable:NoSchedule',
      'node.kubernetes.io/unschedulable:NoSchedule',
      'node.kubernetes.io/not-ready:NoExecute',
    ]);
  });

  test('judge() evicts nobody while every node looks dead', () => {
    const world = makeTestWorld();
    putNode(world, 'n1', 'True');
    step(world, { silentMs: 50_000 });
    step(world, { silentMs: 50_000, disruption: 'full' });
    assert.deepEqual(taintsOf(world), ['node.kubernetes.io/unreachable:NoSchedule']);
  });

  test('disruptionOf() tells single failures from a zone or a cluster that is cut off', () => {
    const world = makeTestWorld();
    const nodes = ['True', 'True', 'Unknown', 'Unknown', 'Unknown'].map((ready, i) => putNode(world, `n${i}`, ready));
    const elsewhere = putNode(world, 'far', 'False', { labels: { 'topology.kubernetes.io/zone': 'b' } });
    const loud = () => false;
    assert.equal(disruptionOf(nodes[2]!, nodes.slice(0, 4), loud), 'none');
    assert.equal(disruptionOf(nodes[2]!, nodes, loud), 'partial');
    assert.equal(disruptionOf(elsewhere, [...nodes, elsewhere], loud), 'none');
    assert.equal(disruptionOf(nodes[2]!, nodes.slice(2), loud), 'full');
    assert.equal(
      disruptionOf(nodes[0]!, nodes, () => true),
      'full',
    );
  });

  test('evict() removes who does not tolerate, and the others when their time is over', () => {
    const world = makeTestWorld();
    const taint: Taint = { key: 'node.kubernetes.io/unreachable', effect: 'NoExecute', timeAdded: since };
    const object = putNode(world, 'n1', 'Unknown', { taints: [taint] });
    putPod(world, 'at-once');
    putPod(world, 'later', [{ key: taint.key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 }]);
    putPod(world, 'never', [{ operator: 'Exists' }]);
    const look = () => evict({ node: object, pods: world.list(pod), seenSince: () => 0, now: world.now });
    const actions = look();
    assert.deepEqual(actions.at(-1), { do: 'wake', afterMs: 300_000 });
    assert.equal(actions[0]!.do, 'status');
    const names = () => world.list(pod).map(({ metadata }) => metadata.name);
    world.apply(actions);
    assert.deepEqual(names(), ['later', 'never']);
    assert.deepEqual(world.events, ['TaintManagerEviction: Marking for deletion Pod default/at-once']);
    world.now += 300_000;
    world.apply(look());
    assert.deepEqual(names(), ['never']);
  });

  test('evict() counts from when it first saw a taint that does not say since when it is there', () => {
    const world = makeTestWorld();
    const taint: Taint = { key: 'example.com/off', effect: 'NoExecute' };
    const object = putNode(world, 'n1', 'True', { taints: [taint] });
    putPod(world, 'later', [{ key: taint.key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 5 }]);
    const times = makeTaintTimes();
    const look = (at: Node) =>
      evict({ node: at, pods: world.list(pod), seenSince: times.look(at, world.now), now: world.now });
    assert.deepEqual(look(object), [{ do: 'wake', afterMs: 5000 }]);
    world.now += 3000;
    assert.deepEqual(look(object), [{ do: 'wake', afterMs: 2000 }]);
    // A taint that comes back is a new one.
    assert.deepEqual(look({ ...object, spec: {} }), []);
    assert.deepEqual(look(object), [{ do: 'wake', afterMs: 5000 }]);
    world.now += 5000;
    world.apply(look(object));
    assert.deepEqual(world.list(pod), []);
  });

  test('heartbeats count only what is new', () => {
    let now = 0;
    const heartbeats = makeHeartbeats(() => now);
    heartbeats.heard('n1', 'lease', '2026-01-01T00:00:10.000000Z');
    now = 10;
    heartbeats.heard('n1', 'lease', '2026-01-01T00:00:00.000000Z');
    heartbeats.heard('n1', 'lease', '2026-01-01T00:00:10.000000Z');
    assert.equal(heartbeats.silentMs('n1'), 10);
    heartbeats.heard('n1', 'status', '2026-01-01T00:00:05Z');
    assert.equal(heartbeats.silentMs('n1'), 0);
  });
});
