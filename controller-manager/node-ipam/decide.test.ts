import assert from 'node:assert/strict';
import { node } from '#lib/kinds/node.ts';
import { makeTestWorld } from '../testing/world.ts';
import { decide } from './decide.ts';
import { subnetsOf } from './subnets.ts';

suite('node-ipam decide', () => {
  test('decide() gives each node a network that no other has, the lowest first', () => {
    const world = makeTestWorld();
    const subnets = subnetsOf('10.244.0.0/16', 24);
    world.put(node, { metadata: { name: 'old' }, spec: { podCIDR: '10.244.1.0/24', podCIDRs: ['10.244.1.0/24'] } });
    for (const name of ['a', 'b', 'c']) world.put(node, { metadata: { name }, spec: {} });
    world.apply(decide({ nodes: world.list(node), subnets }));
    assert.deepEqual(
      world.list(node).map(({ spec }) => spec.podCIDR),
      ['10.244.1.0/24', '10.244.0.0/24', '10.244.2.0/24', '10.244.3.0/24'],
    );
    assert.deepEqual(decide({ nodes: world.list(node), subnets }), []);
  });

  test('decide() gives a network of a node that is gone to the next, and says when there are none', () => {
    const world = makeTestWorld();
    const subnets = subnetsOf('10.244.0.0/23', 24);
    for (const name of ['a', 'b', 'c']) world.put(node, { metadata: { name }, spec: {} });
    world.apply(decide({ nodes: world.list(node), subnets }));
    assert.equal(world.get(node, 'c').spec.podCIDR, undefined);
    assert.deepEqual(world.events, ['CIDRNotAvailable: Node c status is now: CIDRNotAvailable']);
    world.remove(node, world.get(node, 'a'));
    world.apply(decide({ nodes: world.list(node), subnets }));
    assert.equal(world.get(node, 'c').spec.podCIDR, '10.244.0.0/24');
  });

  test('subnetsOf() refuses what cannot be cut', () => {
    for (const [cidr, size] of [
      ['10.0.0.0/24', 16],
      ['fd00::/48', 64],
      ['10.0.0.0', 24],
      ['300.0.0.0/8', 24],
    ] as const) {
      assert.throws(() => subnetsOf(cidr, size), /Cannot cut/);
    }
  });
});
