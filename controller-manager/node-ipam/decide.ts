/** Each node gets a network of its own for its pods. One look at all nodes at once, so that no two can get the same. */
import type { Action } from '#lib/control/types.ts';
import type { Node } from '#lib/kinds/gen/core-v1.ts';
import { node as nodeKind } from '#lib/kinds/node.ts';
import type { Subnets } from './subnets.ts';

export interface Seen {
  nodes: Node[];
  subnets: Subnets;
}

export function decide({ nodes, subnets }: Seen): Action[] {
  const used = new Set(nodes.flatMap(({ spec }) => networksOf(spec)));
  const wanting = nodes.filter(
    ({ spec, metadata }) => networksOf(spec).length === 0 && metadata.deletionTimestamp === undefined,
  );
  if (wanting.length === 0) return [];
  const free = Iterator.from(subnets.all()).filter((network) => !used.has(network));
  return wanting.map((node) => {
    const { value: network } = free.next();
    return network === undefined ? exhausted(node) : assign(node, network);
  });
}

function networksOf({ podCIDR, podCIDRs }: Node['spec']): string[] {
  return podCIDRs?.length ? podCIDRs : podCIDR ? [podCIDR] : [];
}

function assign({ metadata: { name, uid } }: Node, network: string): Action {
  const patch = { spec: { podCIDR: network, podCIDRs: [network] } };
  return { do: 'patch', kind: nodeKind, target: { namespace: '', name }, uid, patch };
}

function exhausted(node: Node): Action {
  const message = `Node ${node.metadata.name} status is now: CIDRNotAvailable`;
  return { do: 'event', regarding: node, type: 'Normal', reason: 'CIDRNotAvailable', message };
}
