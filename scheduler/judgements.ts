/** Verdicts and raw scores of nodes for one shape of pod, remembered until the node changes. */
import type { Cluster } from './cluster/cluster.ts';
import type { NodeInfo } from './cluster/node-info.ts';
import type { PodInfo } from './cluster/pod-info.ts';
import type { Filter, Judge, Refusal } from './filters/filter.ts';
import { localFilters } from './filters/index.ts';
import { localScores } from './scores/index.ts';
import type { Measure } from './scores/score.ts';

export interface Judgements {
  /** A refusal of the pod's own making that holds for every node. */
  everywhere: Refusal | undefined;
  /** Why the node does not suit the shape, if it does not; promises of room made to a pod of it count against it. */
  refusal: Judge;
  /** Raw values of each local score; undefined when the score makes no difference to this shape. */
  measures: readonly (Measure | undefined)[];
}

/** Shapes kept at a time; the least recently used goes first. One costs about 50 bytes a node. */
const shapeLimit = 64;

const kept = new WeakMap<Cluster, Map<string, Judgements>>();

/** The judgements of the pod's shape over this cluster. */
export function judgementsFor(pod: PodInfo, cluster: Cluster): Judgements {
  let shapes = kept.get(cluster);
  if (!shapes) kept.set(cluster, (shapes = new Map()));
  const { key } = pod.shape;
  let judgements = shapes.get(key);
  // Every pod of the shape shares these, so they must not be about one of them.
  if (!judgements) judgements = judge({ ...pod, uid: '' }, cluster, (ask) => remembering(ask, cluster));
  shapes.delete(key);
  shapes.set(key, judgements);
  if (shapes.size > shapeLimit) shapes.delete(shapes.keys().next().value!);
  return judgements;
}

/** The judgements of this very pod, nothing remembered. */
export function freshJudgements(pod: PodInfo, cluster: Cluster): Judgements {
  return judge(pod, cluster, (ask) => ask);
}

type Keep = <T>(ask: (node: NodeInfo) => T) => (node: NodeInfo) => T;

function judge(pod: PodInfo, cluster: Cluster, keep: Keep): Judgements {
  const word = combined(localFilters, pod, cluster);
  return {
    everywhere: typeof word === 'function' ? undefined : word,
    refusal: typeof word === 'function' ? keep(word) : () => word,
    measures: localScores.map(({ score }) => {
      const measure = score.measure(pod, cluster, []);
      return measure && keep(measure);
    }),
  };
}

/** Runs filters in order; the first refusal of a node counts, and a refusal that holds for every node is the answer. */
export function combined(filters: readonly Filter[], pod: PodInfo, cluster: Cluster): Judge | Refusal {
  const judges: Judge[] = [];
  for (const filter of filters) {
    const word = filter(pod, cluster);
    if (typeof word === 'function') judges.push(word);
    else if (word) return word;
  }
  return (node) => {
    for (const judge of judges) {
      const refusal = judge(node);
      if (refusal) return refusal;
    }
    return undefined;
  };
}

/** Asks again only about nodes that have changed. */
function remembering<T>(ask: (node: NodeInfo) => T, cluster: Cluster): (node: NodeInfo) => T {
  let asOf = new Float64Array(cluster.slots);
  const values: T[] = [];
  return (node) => {
    const { slot, generation } = node;
    if (slot >= asOf.length) {
      const longer = new Float64Array(cluster.slots * 2);
      longer.set(asOf);
      asOf = longer;
    }
    if (asOf[slot] !== generation) {
      values[slot] = ask(node);
      asOf[slot] = generation;
    }
    return values[slot]!;
  };
}
