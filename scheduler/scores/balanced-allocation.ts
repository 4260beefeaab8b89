import { highest } from './score.ts';
import type { Score } from './score.ts';

/** Prefers nodes whose CPU and memory would be used in equal shares (upstream: NodeResourcesBalancedAllocation). */
export const balancedAllocation: Score = {
  measure: ({ shape: { requests } }) => {
    return ({ allocatable, cpuMillis, memoryBytes }) => {
      const cpu =
        allocatable.cpuMillis > 0 ? usedShare(cpuMillis + requests.cpuMillis, allocatable.cpuMillis) : undefined;
      const memory =
        allocatable.memoryBytes > 0
          ? usedShare(memoryBytes + requests.memoryBytes, allocatable.memoryBytes)
          : undefined;
      const deviation = cpu === undefined || memory === undefined ? 0 : Math.abs(cpu - memory) / 2;
      return Math.floor((1 - deviation) * highest);
    };
  },
};

function usedShare(requested: number, allocatable: number): number {
  return Math.min(1, requested / allocatable);
}
