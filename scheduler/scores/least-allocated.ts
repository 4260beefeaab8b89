import { highest } from './score.ts';
import type { Score } from './score.ts';

/** Prefers nodes with much CPU and memory left (upstream: NodeResourcesFit, LeastAllocated). */
export const leastAllocated: Score = {
  measure: ({ shape: { scored } }) => {
    return ({ allocatable, scoredCpuMillis, scoredMemoryBytes }) => {
      let sum = 0;
      let weights = 0;
      if (allocatable.cpuMillis > 0) {
        sum += freeShare(scoredCpuMillis + scored.cpuMillis, allocatable.cpuMillis);
        weights++;
      }
      if (allocatable.memoryBytes > 0) {
        sum += freeShare(scoredMemoryBytes + scored.memoryBytes, allocatable.memoryBytes);
        weights++;
      }
      return weights === 0 ? 0 : Math.floor(sum / weights);
    };
  },
};

function freeShare(requested: number, allocatable: number): number {
  return requested > allocatable ? 0 : Math.floor(((allocatable - requested) * highest) / allocatable);
}
