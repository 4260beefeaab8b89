/** What a node's settings give a container of memory beside its limit: a share of the swap, and slowness before the end. Pure. */
import type { Pod, ResourceRequirements } from '#lib/kinds/gen/core-v1.ts';
import { qosClassOf } from '#lib/kinds/pod-spec/resources.ts';
import { unitsOf } from '#lib/meta/quantities.ts';
import { isCritical } from '../eviction/rank.ts';
import type { CgroupResources } from '../runtime/types.ts';

export interface MemoryRules {
  /** Of the machine. */
  memoryBytes: number;
  /** What pods may have of the swap; absent when they may have none. */
  swapBytes?: number;
  /** How much of the way from what is asked for to the limit a container may go unhindered, and the limit of those that have none; absent when all may go all the way. */
  throttling?: { factor: number; allocatableBytes: number };
}

/** Upstream's default. */
export const usualThrottlingFactor = 0.9;

const pageBytes = 4096;

/** The settings of one container that was asked for with `resources`. */
export function memoryRulesOf(
  pod: Pod,
  resources: ResourceRequirements | undefined,
  rules: MemoryRules,
): Pick<CgroupResources, 'swapLimitBytes' | 'memoryHighBytes'> {
  const limit = bytes(resources?.limits?.['memory']);
  const request = bytes(resources?.requests?.['memory'] ?? resources?.limits?.['memory']);
  const swapLimitBytes = maySwap(pod, request, limit) ? swapShare(request, rules) : 0;
  const memoryHighBytes = request === limit ? undefined : highMark(request, limit, rules.throttling);
  return {
    ...(swapLimitBytes > 0 && { swapLimitBytes }),
    ...(memoryHighBytes !== undefined && { memoryHighBytes }),
  };
}

/** Upstream's `GetContainerSwapBehavior` (`pkg/kubelet/kuberuntime/kuberuntime_container_linux.go`): pods of the class Burstable, and of them containers that may outgrow what they ask for. */
function maySwap(pod: Pod, request: number, limit: number): boolean {
  return !isCritical(pod) && qosClassOf(pod.spec) === 'Burstable' && request > 0 && request !== limit;
}

/** Upstream's `calcSwapForBurstablePods`: as much of the swap as the container asks for of the memory. */
function swapShare(request: number, { memoryBytes, swapBytes = 0 }: MemoryRules): number {
  if (memoryBytes <= 0 || request > memoryBytes) return 0;
  return Math.floor((request / memoryBytes) * swapBytes);
}

/** Upstream's formula of MemoryQoS (`generateLinuxContainerResources`), down to whole pages. */
function highMark(request: number, limit: number, throttling: MemoryRules['throttling']): number | undefined {
  if (!throttling) return undefined;
  const most = limit > 0 ? limit : throttling.allocatableBytes;
  const high = Math.floor((request + (most - request) * throttling.factor) / pageBytes) * pageBytes;
  return high > request ? high : undefined;
}

function bytes(amount: number | string | undefined): number {
  return amount === undefined ? 0 : unitsOf(amount);
}
