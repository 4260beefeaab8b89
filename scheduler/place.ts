/** Chooses a node for a pod: filters say where it can run, scores where it should. */
import type { Cluster } from './cluster/cluster.ts';
import type { NodeInfo } from './cluster/node-info.ts';
import type { PodInfo } from './cluster/pod-info.ts';
import { never } from './filters/filter.ts';
import type { Judge, Refusal } from './filters/filter.ts';
import { wideFilters } from './filters/index.ts';
import { namedNodes } from './filters/node-affinity.ts';
import { combined, freshJudgements, judgementsFor } from './judgements.ts';
import type { Judgements } from './judgements.ts';
import { localScores, wideScores } from './scores/index.ts';
import type { Measure, Score } from './scores/score.ts';

/** What differs from one placement to the next. */
export interface Turn {
  /** Where in the list of nodes to begin looking. */
  start: number;
  /** Uniform in [0, 1); decides between equally good nodes. */
  random(): number;
}

/** Why no node will do. */
export interface NoFit {
  readonly nodes: number;
  /** A reason of the pod itself that holds everywhere; then there is nothing to say of single nodes. */
  readonly everywhere: Refusal | undefined;
  readonly byNode: ReadonlyMap<NodeInfo, Refusal>;
  /** Nodes out of the question from the start, and why. */
  readonly others: { readonly count: number; readonly refusal: Refusal } | undefined;
}

export type Placement =
  /** `visited` nodes were looked at; the next turn begins behind them. */
  { node: NodeInfo; visited: number } | { node: undefined; visited: number; noFit: NoFit };

const notNamed = never("node(s) didn't satisfy plugin(s) [NodeAffinity]");

/** Chooses a node for the pod, or says why there is none. Looks no further than it must in a large cluster. */
export function place(pod: PodInfo, cluster: Cluster, turn: Turn): Placement {
  const { nodes } = cluster;
  const named = namedNodes(pod.shape.spec);
  // A shape that names its nodes is hardly ever shared.
  const judgements = named ? freshJudgements(pod, cluster) : judgementsFor(pod, cluster);
  const refusal = refusalOf(pod, cluster, judgements);
  if (typeof refusal !== 'function' || nodes.length === 0) {
    const everywhere = typeof refusal === 'function' ? undefined : refusal;
    return {
      node: undefined,
      visited: 0,
      noFit: { nodes: nodes.length, everywhere, byNode: new Map(), others: undefined },
    };
  }
  const promised = cluster.promisedNode(pod.uid);
  if (promised && !refusal(promised)) return { node: promised, visited: 0 };

  const eligible = named ? [...named].flatMap((name) => cluster.nodeNamed(name) ?? []) : nodes;
  const enough = feasibleNodesToFind(eligible.length);
  const feasible: NodeInfo[] = [];
  const byNode = new Map<NodeInfo, Refusal>();
  let visited = 0;
  for (; visited < eligible.length && feasible.length < enough; visited++) {
    const node = eligible[(turn.start + visited) % eligible.length]!;
    const refused = refusal(node);
    if (refused) byNode.set(node, refused);
    else feasible.push(node);
  }
  if (feasible.length > 0) return { node: best(feasible, pod, cluster, judgements, turn), visited };
  const count = nodes.length - eligible.length;
  const others = count > 0 ? { count, refusal: notNamed } : undefined;
  return { node: undefined, visited, noFit: { nodes: nodes.length, everywhere: undefined, byNode, others } };
}

/** Why the pod cannot go to this node as things are, if it cannot. */
export function refusalOn(node: NodeInfo, pod: PodInfo, cluster: Cluster): Refusal | undefined {
  const refusal = refusalOf(pod, cluster, judgementsFor(pod, cluster));
  return typeof refusal === 'function' ? refusal(node) : refusal;
}

/** All filters together, with what is remembered of the pod's shape where it holds for this pod. */
function refusalOf(pod: PodInfo, cluster: Cluster, judgements: Judgements): Judge | Refusal {
  if (judgements.everywhere) return judgements.everywhere;
  const wide = combined(wideFilters, pod, cluster);
  if (typeof wide !== 'function') return wide;
  return (node) =>
    (node.nominated.has(pod.uid) ? freshJudgements(pod, cluster) : judgements).refusal(node) ?? wide(node);
}

/** Upstream's sampling: all of the first hundred, then a share that shrinks from half to a twentieth. */
export function feasibleNodesToFind(nodes: number): number {
  if (nodes < 100) return nodes;
  const percent = Math.max(5, 50 - Math.floor(nodes / 125));
  return Math.max(100, Math.floor((nodes * percent) / 100));
}

function best(
  feasible: readonly NodeInfo[],
  pod: PodInfo,
  cluster: Cluster,
  judgements: Judgements,
  turn: Turn,
): NodeInfo {
  if (feasible.length === 1) return feasible[0]!;
  const totals = new Float64Array(feasible.length);
  localScores.forEach(({ score, weight }, i) => addScore(totals, feasible, score, judgements.measures[i], weight));
  for (const { score, weight } of wideScores)
    addScore(totals, feasible, score, score.measure(pod, cluster, feasible), weight);
  let chosen = 0;
  let ties = 1;
  for (let i = 1; i < totals.length; i++) {
    if (totals[i]! > totals[chosen]!) {
      chosen = i;
      ties = 1;
    } else if (totals[i] === totals[chosen] && turn.random() * ++ties < 1) chosen = i;
  }
  return feasible[chosen]!;
}

function addScore(
  totals: Float64Array,
  feasible: readonly NodeInfo[],
  score: Score,
  measure: Measure | undefined,
  weight: number,
): void {
  if (!measure) return;
  const raw = new Float64Array(feasible.length);
  for (let i = 0; i < raw.length; i++) raw[i] = measure(feasible[i]!);
  score.level?.(raw);
  for (let i = 0; i < raw.length; i++) totals[i]! += weight * raw[i]!;
}
