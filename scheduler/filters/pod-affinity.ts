import type { Cluster } from '../cluster/cluster.ts';
import type { PodInfo } from '../cluster/pod-info.ts';
import type { Term } from '../cluster/terms.ts';
import type { Filter } from './filter.ts';
import { far, never, notNow } from './filter.ts';

const notNear = far(never("node(s) didn't match pod affinity rules"));
const tooNear = far(notNow("node(s) didn't match pod anti-affinity rules"));
const repelled = far(notNow("node(s) didn't satisfy existing pods anti-affinity rules"));

/** Required affinity and anti-affinity, the pod's own and that of pods already placed (upstream: InterPodAffinity). */
export const podAffinity: Filter = (pod, cluster) => {
  const repelling = repellingDomains(pod, cluster);
  const away = pod.antiAffinity.map((term) => populatedDomains(term, cluster, [term]));
  const near = pod.affinity.map((term) => populatedDomains(term, cluster, pod.affinity));
  if (repelling.length === 0 && away.length === 0 && near.length === 0) return undefined;
  // The first of a group that wants to be together has nobody to join, and may start anywhere.
  const mayStart =
    near.every(({ any }) => !any) && pod.affinity.every((term) => term.selects(pod, cluster.namespaceLabels));
  return ({ slot }) => {
    let joins = true;
    for (const { ids, populated } of near) {
      const domain = ids[slot]!;
      if (domain < 0) return notNear;
      joins &&= populated[domain] === 1;
    }
    if (!joins && !mayStart) return notNear;
    for (const { ids, populated } of away) if (ids[slot]! >= 0 && populated[ids[slot]!]) return tooNear;
    for (const { ids, populated } of repelling) if (ids[slot]! >= 0 && populated[ids[slot]!]) return repelled;
    return undefined;
  };
};

interface DomainSet {
  /** Slot -> domain, -1 for none. */
  ids: Int32Array;
  populated: Uint8Array;
  any: boolean;
}

/** The domains of `term` that hold a pod which every one of `selecting` selects. */
function populatedDomains(term: Term, cluster: Cluster, selecting: readonly Term[]): DomainSet {
  const { counts, total } = cluster.tally(
    `affinity ${selecting.map(({ podsKey }) => podsKey).join(' ')}`,
    selecting.length === 1 ? selecting[0]!.namespaces : undefined,
    (other) => selecting.every((one) => one.selects(other, cluster.namespaceLabels)),
  );
  const { ids, size } = cluster.domains(term.topologyKey);
  const populated = new Uint8Array(size);
  let any = false;
  if (total > 0) {
    for (const { slot } of cluster.nodes) {
      if (counts[slot] === 0 || ids[slot]! < 0) continue;
      populated[ids[slot]!] = 1;
      any = true;
    }
  }
  return { ids, populated, any };
}

/** For every term by which placed pods keep this one away, the domains of its carriers. */
function repellingDomains(pod: PodInfo, cluster: Cluster): DomainSet[] {
  const sets: DomainSet[] = [];
  if (!cluster.carried.has('repels')) return sets;
  for (const { bearing, term, carriers } of cluster.carried.all()) {
    if (bearing !== 'repels' || !term.selects(pod, cluster.namespaceLabels)) continue;
    const { ids, size } = cluster.domains(term.topologyKey);
    const populated = new Uint8Array(size);
    for (const slot of carriers.keys()) if ((ids[slot] ?? -1) >= 0) populated[ids[slot]!] = 1;
    sets.push({ ids, populated, any: true });
  }
  return sets;
}
