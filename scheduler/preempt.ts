/** Chooses pods of lower priority to evict so that a pod finds room (upstream: DefaultPreemption). Evicts nobody itself. */
import type { PodDisruptionBudget } from '#lib/kinds/gen/policy-v1.ts';
import { conditionOf } from '#lib/meta/conditions.ts';
import { fromLabelSelector, matches } from '#lib/meta/selectors.ts';
import { parseTime } from '#lib/meta/time.ts';
import type { Cluster } from './cluster/cluster.ts';
import type { NodeInfo } from './cluster/node-info.ts';
import type { PodInfo } from './cluster/pod-info.ts';
import type { PreemptionNote } from './explain.ts';
import { never } from './filters/filter.ts';
import type { Refusal } from './filters/filter.ts';
import { refusalOn } from './place.ts';
import type { NoFit } from './place.ts';

export type Preemption =
  | { node: NodeInfo; victims: readonly PodInfo[] }
  /** Nobody to evict; what upstream says of it. */
  | { node: undefined; note: PreemptionNote };

/** Nodes tried: a tenth of those that could help, at least this many. */
const leastCandidates = 100;

/** Chooses the node where evictions hurt least, after place() found no room. `random` is uniform in [0, 1). */
export function preempt(
  pod: PodInfo,
  cluster: Cluster,
  noFit: NoFit,
  budgets: readonly PodDisruptionBudget[],
  random: () => number,
): Preemption {
  const ineligible = whyIneligible(pod, cluster, noFit);
  if (ineligible !== undefined) return { node: undefined, note: { said: ineligible } };
  const potential = [...noFit.byNode].filter(([, { final }]) => !final).map(([node]) => node);
  const wanted = Math.max(leastCandidates, Math.floor(potential.length / 10));
  const offset = Math.floor(random() * potential.length);
  const candidates: Candidate[] = [];
  const reasons = new Map<string, number>();
  const count = (list: readonly string[], nodes: number) => {
    if (nodes > 0) for (const reason of list) reasons.set(reason, (reasons.get(reason) ?? 0) + nodes);
  };
  for (let i = 0; i < potential.length && candidates.length < wanted; i++) {
    const outcome = victimsOn(potential[(offset + i) % potential.length]!, pod, cluster, budgets);
    if ('victims' in outcome) candidates.push(outcome);
    else count(outcome.reasons, 1);
  }
  if (candidates.length > 0) return candidates.reduce((a, b) => (hurtsLess(b, a) ? b : a));
  count(['Preemption is not helpful for scheduling'], noFit.nodes - potential.length);
  return { node: undefined, note: { reasons } };
}

function whyIneligible(pod: PodInfo, cluster: Cluster, noFit: NoFit): string | undefined {
  if (pod.pod.spec.preemptionPolicy === 'Never') return 'not eligible due to preemptionPolicy=Never.';
  const promised = cluster.promisedNode(pod.uid);
  if (!promised || noFit.byNode.get(promised)?.final !== false) return undefined;
  const waits = [...promised.pods.values()].some((other) => other.priority < pod.priority && isBeingPreempted(other));
  return waits ? 'not eligible due to a terminating pod on the nominated node.' : undefined;
}

function isBeingPreempted({ terminating, pod }: PodInfo): boolean {
  const condition = conditionOf(pod.status?.conditions, 'DisruptionTarget');
  return terminating && condition?.status === 'True' && condition.reason === 'PreemptionByScheduler';
}

const nobody = never('No preemption victims found for incoming pod');

interface Candidate {
  node: NodeInfo;
  /** The most important first. */
  victims: readonly PodInfo[];
  /** How many evictions break a disruption budget. */
  violations: number;
}

/** The fewest pods to evict from one node, the least important ones, sparing those under a spent budget where possible. */
function victimsOn(
  node: NodeInfo,
  pod: PodInfo,
  cluster: Cluster,
  budgets: readonly PodDisruptionBudget[],
): Candidate | Refusal {
  const lesser = [...node.pods.values()].filter(({ priority }) => priority < pod.priority).sort(moreImportantFirst);
  if (lesser.length === 0) return nobody;
  return cluster.without(node, lesser, (putBack, takeAway) => {
    const refusal = refusalOn(node, pod, cluster);
    if (refusal) return refusal;
    const { violating, others } = splitByBudget(lesser, budgets);
    const victims: PodInfo[] = [];
    let violations = 0;
    for (const one of [...violating, ...others]) {
      putBack(one);
      if (!refusalOn(node, pod, cluster)) continue;
      takeAway(one);
      victims.push(one);
      if (violating.includes(one)) violations++;
    }
    return { node, victims: victims.sort(moreImportantFirst), violations };
  });
}

function moreImportantFirst(a: PodInfo, b: PodInfo): number {
  return b.priority - a.priority || startOf(a) - startOf(b);
}

/** A pod not started yet counts as the newest. */
function startOf({ pod }: PodInfo): number {
  return parseTime(pod.status?.startTime) ?? Infinity;
}

function splitByBudget(pods: readonly PodInfo[], budgets: readonly PodDisruptionBudget[]) {
  const left = new Map(budgets.map((budget) => [budget, budget.status?.disruptionsAllowed ?? 0]));
  const violating: PodInfo[] = [];
  const others: PodInfo[] = [];
  for (const pod of pods) {
    let violates = false;
    for (const [budget, allowed] of left) {
      if (!protects(budget, pod)) continue;
      left.set(budget, allowed - 1);
      if (allowed <= 0) violates = true;
    }
    (violates ? violating : others).push(pod);
  }
  return { violating, others };
}

function protects({ metadata, spec, status }: PodDisruptionBudget, pod: PodInfo): boolean {
  if (metadata.namespace !== pod.namespace || status?.disruptedPods?.[pod.name] !== undefined) return false;
  const selector = fromLabelSelector(spec.selector);
  return selector !== undefined && selector.length > 0 && matches(selector, pod.labels);
}

/** Upstream's order of harm: broken budgets, the most important victim, all their importance, their number, their age. */
function hurtsLess(a: Candidate, b: Candidate): boolean {
  const order =
    a.violations - b.violations ||
    topPriority(a) - topPriority(b) ||
    importance(a) - importance(b) ||
    a.victims.length - b.victims.length;
  return order !== 0 ? order < 0 : earliestStart(a) > earliestStart(b);
}

function topPriority({ victims }: Candidate): number {
  return victims[0]?.priority ?? -Infinity;
}

/** Shifted so that more victims weigh more even when priorities are negative. */
function importance({ victims }: Candidate): number {
  return victims.reduce((sum, { priority }) => sum + priority + 2 ** 31, 0);
}

function earliestStart({ victims }: Candidate): number {
  const top = victims[0]?.priority;
  return Math.min(...victims.filter(({ priority }) => priority === top).map(startOf));
}
