/** What a filter is: a function of the pod that gives a function of the node, which refuses with a sentence or does not. */
import type { Cluster } from '../cluster/cluster.ts';
import type { NodeInfo } from '../cluster/node-info.ts';
import type { PodInfo } from '../cluster/pod-info.ts';

export interface Refusal {
  /** Upstream's sentences, as Events show them. */
  readonly reasons: readonly string[];
  /** Whether evicting pods from the node cannot change this. */
  readonly final: boolean;
  /** Whether a change on another node can end this. */
  readonly far: boolean;
}

export type Judge = (node: NodeInfo) => Refusal | undefined;

/**
 * Looks at the pod once and gives a judge of nodes, undefined when it has no interest in the pod, or a refusal that holds
 * for every node.
 */
export type Filter = (pod: PodInfo, cluster: Cluster) => Judge | Refusal | undefined;

/** A refusal that evictions cannot change. */
export function never(...reasons: string[]): Refusal {
  return { reasons, final: true, far: false };
}

/** A refusal that may end when other pods go. */
export function notNow(...reasons: string[]): Refusal {
  return { reasons, final: false, far: false };
}

/** The same refusal, of a filter that looks beyond the node. */
export function far(refusal: Refusal): Refusal {
  return { ...refusal, far: true };
}
