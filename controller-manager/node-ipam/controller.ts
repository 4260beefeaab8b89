/** Wires decide() to all nodes, as one key. */
import { watch } from '#lib/control/reconcile.ts';
import type { Controller } from '#lib/control/reconcile.ts';
import { node } from '#lib/kinds/node.ts';
import { decide } from './decide.ts';
import type { Seen } from './decide.ts';
import { subnetsOf } from './subnets.ts';

/** Makes the controller that cuts `clusterCidr` into networks of `maskSize` bits. */
export function makeNodeIpamController(clusterCidr: string, maskSize: number): Controller<Seen> {
  const subnets = subnetsOf(clusterCidr, maskSize);
  return {
    name: 'node-ipam-controller',
    workers: 1,
    watches: [
      watch(
        node,
        () => ['nodes'],
        ({ before, object }) => before?.spec.podCIDR !== object?.spec.podCIDR || object?.spec.podCIDR === undefined,
      ),
    ],
    see: (_key, { view }) => ({ nodes: view.list(node), subnets }),
    decide,
  };
}
