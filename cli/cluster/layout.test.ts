import assert from 'node:assert/strict';
import { checkIdPool, idsPerPod } from '../../node-agent/runtime/user-ids.ts';
import { clusterNameFault, layoutOf, slotCount } from './layout.ts';

const folders = { stateRoot: '/var/lib/wherry', runRoot: '/run/wherry' };

suite('layout', () => {
  test('layoutOf() gives every slot addresses, ports and device names of its own', () => {
    const all = Array.from({ length: slotCount }, (_, slot) => layoutOf({ name: `c${slot}`, slot, nodes: 2 }, folders));
    for (const pick of ['subnet', 'podCidr', 'serviceCidr', 'bridge', 'table', 'apiPort', 'grpcPort'] as const) {
      assert.equal(new Set(all.map((layout) => layout[pick])).size, slotCount, pick);
    }
    const ports = all.flatMap((layout) => [layout.apiPort, layout.grpcPort]);
    assert.equal(new Set(ports).size, ports.length);
    const ranges = all.flatMap((layout) => [layout.podCidr, layout.serviceCidr]);
    assert.equal(new Set(ranges).size, ranges.length);
  });

  test('layoutOf() gives pods of the first eight nodes of every cluster ids of their own, enough for a node', () => {
    const pools = Array.from({ length: slotCount }, (_, slot) => layoutOf({ name: 'c', slot, nodes: 8 }, folders).nodes)
      .flat()
      .map((node) => node.podUserIds);
    for (const pool of pools) {
      checkIdPool(pool);
      assert.ok(pool.ranges > 110, JSON.stringify(pool));
    }
    const sorted = pools.toSorted((a, b) => a.first - b.first);
    for (const [i, { first }] of sorted.entries()) {
      const before = sorted[i - 1];
      assert.ok(!before || before.first + before.ranges * idsPerPod <= first);
    }
  });

  test('layoutOf() keeps device names within the kernel’s 15 characters', () => {
    const { bridge, nodes } = layoutOf({ name: 'abcdefghijklmnopqrst', slot: slotCount - 1, nodes: 100 }, folders);
    for (const name of [bridge, ...nodes.map((node) => node.cable)]) assert.ok(name.length <= 15, name);
  });

  test('clusterNameFault() accepts what may be part of a file name and refuses the rest', () => {
    for (const name of ['default', 'a', 'ci-7', 'abcdefghijklmnopqrst'])
      assert.equal(clusterNameFault(name), undefined, name);
    for (const name of ['', 'A', '7', 'a/b', '..', 'a-', 'abcdefghijklmnopqrstu'])
      assert.ok(clusterNameFault(name), name);
  });
});
