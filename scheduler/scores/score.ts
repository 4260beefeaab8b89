/** What a score is: a function of the pod that gives a function of the node, worth 0..100 once levelled. */
import type { Cluster } from '../cluster/cluster.ts';
import type { NodeInfo } from '../cluster/node-info.ts';
import type { PodInfo } from '../cluster/pod-info.ts';

/** A node's raw worth. */
export type Measure = (node: NodeInfo) => number;

export interface Score {
  /** Undefined when the score makes no difference for this pod. */
  measure(pod: PodInfo, cluster: Cluster, candidates: readonly NodeInfo[]): Measure | undefined;
  /** Turns raw values of all candidates into 0..100, in place; absent when they are so already. */
  level?(raw: Float64Array): void;
}

export const highest = 100;

/** Scales so that the greatest value becomes 100. */
export function levelUp(raw: Float64Array): void {
  const most = raw.reduce((a, b) => Math.max(a, b), 0);
  if (most === 0) return;
  for (let i = 0; i < raw.length; i++) raw[i] = Math.floor((highest * raw[i]!) / most);
}

/** Scales so that the greatest value becomes 0 and none becomes 100. */
export function levelDown(raw: Float64Array): void {
  const most = raw.reduce((a, b) => Math.max(a, b), 0);
  for (let i = 0; i < raw.length; i++) raw[i] = most === 0 ? highest : highest - Math.floor((highest * raw[i]!) / most);
}
