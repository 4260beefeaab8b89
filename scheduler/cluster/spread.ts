/** Topology spread constraints as the scheduler reads them. */
import type { TopologySpreadConstraint } from '#lib/kinds/gen/core-v1.ts';
import { fromLabelSelector, matches } from '#lib/meta/selectors.ts';
import type { Selector } from '#lib/meta/selectors.ts';
import { nodeRequirement } from '../filters/node-affinity.ts';
import { repellingTaint } from '../filters/taints.ts';
import type { Cluster } from './cluster.ts';
import type { NodeInfo } from './node-info.ts';
import type { PodInfo } from './pod-info.ts';
import type { Tally } from './tallies.ts';

export interface SpreadConstraint {
  readonly topologyKey: string;
  readonly maxSkew: number;
  readonly minDomains: number;
  /** Whether the pod is among those spread. */
  describes(pod: PodInfo): boolean;
  /** Whether the constraint's policies let the node's pods count. */
  includes(node: NodeInfo): boolean;
  /** Pods spread, by node. */
  tally(cluster: Cluster): Tally;
}

/** The pod's own constraints of one sort. */
export function spreadConstraints(
  pod: PodInfo,
  whenUnsatisfiable: TopologySpreadConstraint['whenUnsatisfiable'],
): readonly SpreadConstraint[] {
  const own = pod.pod.spec.topologySpreadConstraints;
  if (!own) return none;
  return own.filter((one) => one.whenUnsatisfiable === whenUnsatisfiable).map((one) => ownConstraint(pod, one));
}

/** What spreads pods that state nothing: mildly over hosts, less over zones (upstream's system defaults). */
export function defaultConstraints(pod: PodInfo, cluster: Cluster): readonly SpreadConstraint[] {
  const selector = cluster.selectorOwners.selectorFor(pod);
  if (selector.length === 0) return none;
  return [
    constraintFor(pod, selector, { topologyKey: 'kubernetes.io/hostname', maxSkew: 3 }),
    constraintFor(pod, selector, { topologyKey: 'topology.kubernetes.io/zone', maxSkew: 5 }),
  ];
}

const none: readonly SpreadConstraint[] = [];

function ownConstraint(pod: PodInfo, source: TopologySpreadConstraint): SpreadConstraint {
  const selector = fromLabelSelector(source.labelSelector);
  const alike = (source.matchLabelKeys ?? [])
    .filter((key) => pod.labels[key] !== undefined)
    .map((key) => ({ key, operator: 'In' as const, values: [pod.labels[key]!] }));
  return constraintFor(pod, selector && [...selector, ...alike], source);
}

type Terms = Pick<
  TopologySpreadConstraint,
  'topologyKey' | 'maxSkew' | 'minDomains' | 'nodeAffinityPolicy' | 'nodeTaintsPolicy'
>;

/** An absent selector spreads no pod. */
function constraintFor(pod: PodInfo, selector: Selector | undefined, terms: Terms): SpreadConstraint {
  const { namespace, shape } = pod;
  const suits = terms.nodeAffinityPolicy === 'Ignore' ? undefined : nodeRequirement(shape.spec);
  const heedsTaints = terms.nodeTaintsPolicy === 'Honor';
  const describes = (other: PodInfo) => selector !== undefined && matches(selector, other.labels);
  const counted = (other: PodInfo) => !other.terminating && other.namespace === namespace && describes(other);
  return {
    topologyKey: terms.topologyKey,
    maxSkew: terms.maxSkew,
    minDomains: terms.minDomains ?? 1,
    describes,
    includes: (node) =>
      (suits?.(node) ?? true) && !(heedsTaints && repellingTaint(node.taints, shape.spec.tolerations) !== undefined),
    tally: (cluster) => cluster.tally(`spread ${JSON.stringify([namespace, selector])}`, [namespace], counted),
  };
}
