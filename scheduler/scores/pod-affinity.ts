import type { Cluster } from '../cluster/cluster.ts';
import type { PodInfo } from '../cluster/pod-info.ts';
import { highest } from './score.ts';
import type { Score } from './score.ts';

/** How much a placed pod's required affinity draws pods that it selects; upstream's default. */
const demandWeight = 1;

/** Prefers domains where preferred terms hold, the pod's own and those of placed pods (upstream: InterPodAffinity). */
export const preferredPodAffinity: Score = {
  measure: (pod, cluster) => {
    const pulls: Pull[] = [];
    for (const { term, weight } of pod.preferredAffinity) {
      const { counts, total } = cluster.tally(`affinity ${term.podsKey}`, term.namespaces, (other) =>
        term.selects(other, cluster.namespaceLabels),
      );
      if (total === 0) continue;
      pulls.push(
        pullOf(cluster, term.topologyKey, weight, (add) => {
          for (const { slot } of cluster.nodes) if (counts[slot]! > 0) add(slot, counts[slot]!);
        }),
      );
    }
    pulls.push(...pullsOfPlaced(pod, cluster));
    if (pulls.length === 0) return undefined;
    return ({ slot }) => {
      let sum = 0;
      for (const { ids, worth } of pulls) if (ids[slot]! >= 0) sum += worth[ids[slot]!]!;
      return sum;
    };
  },
  level: (raw) => {
    const least = raw.reduce((a, b) => Math.min(a, b), Infinity);
    const most = raw.reduce((a, b) => Math.max(a, b), -Infinity);
    for (let i = 0; i < raw.length; i++)
      raw[i] = most > least ? Math.floor((highest * (raw[i]! - least)) / (most - least)) : 0;
  },
};

/** What each domain of one topology key is worth. */
interface Pull {
  ids: Int32Array;
  worth: Float64Array;
}

function pullsOfPlaced(pod: PodInfo, cluster: Cluster): Pull[] {
  if (!cluster.carried.has('prefers') && !cluster.carried.has('demands')) return [];
  const pulls: Pull[] = [];
  for (const { bearing, term, weight, carriers } of cluster.carried.all()) {
    if (bearing === 'repels' || !term.selects(pod, cluster.namespaceLabels)) continue;
    pulls.push(
      pullOf(cluster, term.topologyKey, bearing === 'demands' ? demandWeight : weight, (add) => {
        for (const [slot, pods] of carriers) add(slot, pods);
      }),
    );
  }
  return pulls;
}

function pullOf(
  cluster: Cluster,
  topologyKey: string,
  weight: number,
  each: (add: (slot: number, pods: number) => void) => void,
): Pull {
  const { ids, size } = cluster.domains(topologyKey);
  const worth = new Float64Array(size);
  each((slot, pods) => {
    const domain = ids[slot] ?? -1;
    if (domain >= 0) worth[domain]! += weight * pods;
  });
  return { ids, worth };
}
