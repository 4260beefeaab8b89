/** The scores and their weights, upstream's defaults. */
import { balancedAllocation } from './balanced-allocation.ts';
import { imageLocality } from './image-locality.ts';
import { leastAllocated } from './least-allocated.ts';
import { preferredNodeAffinity } from './node-affinity.ts';
import { preferredPodAffinity } from './pod-affinity.ts';
import type { Score } from './score.ts';
import { preferredTaints } from './taints.ts';
import { preferredSpread } from './topology-spread.ts';

interface Weighed {
  readonly score: Score;
  readonly weight: number;
}

/** These depend on the pod's shape and one node alone, so pods of one shape share their raw values. */
export const localScores: readonly Weighed[] = [
  { score: preferredTaints, weight: 3 },
  { score: preferredNodeAffinity, weight: 2 },
  { score: leastAllocated, weight: 1 },
  { score: balancedAllocation, weight: 1 },
];

/** These look beyond the node. */
export const wideScores: readonly Weighed[] = [
  { score: preferredSpread, weight: 2 },
  { score: preferredPodAffinity, weight: 2 },
  { score: imageLocality, weight: 1 },
];
