import type { Cluster } from '../cluster/cluster.ts';
import type { PodInfo } from '../cluster/pod-info.ts';
import { spreadConstraints } from '../cluster/spread.ts';
import type { SpreadConstraint } from '../cluster/spread.ts';
import type { Filter } from './filter.ts';
import { far, never, notNow } from './filter.ts';

const refused = far(notNow("node(s) didn't match pod topology spread constraints"));
const unlabelled = far(never("node(s) didn't match pod topology spread constraints (missing required label)"));

/** Topology spread constraints with DoNotSchedule (upstream: PodTopologySpread). */
export const topologySpread: Filter = (pod, cluster) => {
  const constraints = spreadConstraints(pod, 'DoNotSchedule');
  if (constraints.length === 0) return undefined;
  const states = constraints.map((constraint) => stateOf(constraint, constraints, pod, cluster));
  return ({ slot }) => {
    for (const { domainOf, matchesInDomain, least, self, maxSkew } of states) {
      const domain = domainOf[slot]!;
      if (domain < 0) return unlabelled;
      if (matchesInDomain[domain]! + self - least > maxSkew) return refused;
    }
    return undefined;
  };
};

/** Counts the matching pods of every domain, over the nodes that the constraint's policies let in. */
function stateOf(constraint: SpreadConstraint, all: readonly SpreadConstraint[], pod: PodInfo, cluster: Cluster) {
  const { counts } = constraint.tally(cluster);
  const { ids, size } = cluster.domains(constraint.topologyKey);
  const matchesInDomain = new Int32Array(size);
  const seen = new Uint8Array(size);
  let domains = 0;
  for (const node of cluster.nodes) {
    const domain = ids[node.slot]!;
    if (domain < 0 || !constraint.includes(node)) continue;
    if (!all.every(({ topologyKey }) => node.labels[topologyKey] !== undefined)) continue;
    matchesInDomain[domain]! += counts[node.slot]!;
    if (!seen[domain]) {
      seen[domain] = 1;
      domains++;
    }
  }
  let least = domains < constraint.minDomains || domains === 0 ? 0 : Infinity;
  if (least > 0) for (let i = 0; i < size; i++) if (seen[i]) least = Math.min(least, matchesInDomain[i]!);
  return {
    domainOf: ids,
    matchesInDomain,
    least,
    self: constraint.describes(pod) ? 1 : 0,
    maxSkew: constraint.maxSkew,
  };
}
