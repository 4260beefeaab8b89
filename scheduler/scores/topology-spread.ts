import type { Cluster } from '../cluster/cluster.ts';
import type { NodeInfo } from '../cluster/node-info.ts';
import { defaultConstraints, spreadConstraints } from '../cluster/spread.ts';
import type { SpreadConstraint } from '../cluster/spread.ts';
import { highest } from './score.ts';
import type { Measure, Score } from './score.ts';

const hostname = 'kubernetes.io/hostname';

/** Prefers domains with few pods of the same sort; without own constraints, hosts and zones (upstream: PodTopologySpread). */
export const preferredSpread: Score = {
  measure: (pod, cluster, candidates) => {
    const stated = pod.pod.spec.topologySpreadConstraints?.length ?? 0;
    const constraints = stated > 0 ? spreadConstraints(pod, 'ScheduleAnyway') : defaultConstraints(pod, cluster);
    if (constraints.length === 0) return undefined;
    // System defaults take nodes as they come; stated constraints pass over nodes that lack a label.
    const missesLabel = (node: NodeInfo) =>
      stated > 0 && constraints.some(({ topologyKey }) => node.labels[topologyKey] === undefined);
    const counted = candidates.filter((node) => !missesLabel(node));
    const parts = constraints.map((constraint) => partOf(constraint, cluster, counted, missesLabel));
    return (node) => (missesLabel(node) ? NaN : Math.round(parts.reduce((sum, part) => sum + part(node), 0)));
  },
  /** The least loaded becomes 100; nodes passed over (NaN) become 0. */
  level: (raw) => {
    let least = Infinity;
    let most = 0;
    for (const value of raw) {
      if (Number.isNaN(value)) continue;
      least = Math.min(least, value);
      most = Math.max(most, value);
    }
    for (let i = 0; i < raw.length; i++) {
      const value = raw[i]!;
      if (Number.isNaN(value)) raw[i] = 0;
      else raw[i] = most === 0 ? highest : Math.floor((highest * (most + least - value)) / most);
    }
  },
};

/** One constraint's share: matching pods of the node's domain, weighed so that rare domains matter less than many. */
function partOf(
  constraint: SpreadConstraint,
  cluster: Cluster,
  candidates: readonly NodeInfo[],
  missesLabel: (node: NodeInfo) => boolean,
): Measure {
  const { counts } = constraint.tally(cluster);
  const { topologyKey, maxSkew } = constraint;
  if (topologyKey === hostname) {
    const weight = Math.log(candidates.length + 2);
    return ({ labels, slot }) => (labels[hostname] === undefined ? 0 : counts[slot]! * weight + (maxSkew - 1));
  }
  const { ids, size } = cluster.domains(topologyKey);
  const eligible = new Uint8Array(size);
  let domains = 0;
  for (const { slot } of candidates) {
    const domain = ids[slot]!;
    if (domain < 0 || eligible[domain]) continue;
    eligible[domain] = 1;
    domains++;
  }
  const matching = new Int32Array(size);
  if (domains > 0) {
    for (const node of cluster.nodes) {
      const domain = ids[node.slot]!;
      if (domain >= 0 && eligible[domain] && !missesLabel(node) && constraint.includes(node))
        matching[domain]! += counts[node.slot]!;
    }
  }
  const weight = Math.log(domains + 2);
  return ({ slot }) => (ids[slot]! < 0 ? 0 : matching[ids[slot]!]! * weight + (maxSkew - 1));
}
