/** In which order pods go when the node is short of something. Pure. */
import type { Pod } from '#lib/kinds/gen/core-v1.ts';
import { podRequests } from '#lib/kinds/pod-spec/resources.ts';
import type { StarvedResource } from './types.ts';

/** What a pod uses. Bytes, inodes, processes. */
export interface PodUsage {
  uid: string;
  pod: Pod;
  memoryBytes: number;
  processes: number;
  diskBytes: number;
  inodes: number;
  containers: readonly ContainerUse[];
}

export interface ContainerUse {
  name: string;
  memoryBytes: number;
  /** Its own layer and its logs. */
  diskBytes: number;
}

/**
 * The pods, the first to go first: those that use more than they asked for before those that do not, then by priority, then by how much more. Of
 * processes nothing can be asked for: there priority comes first, and then how many there are. Equals keep their order.
 */
export function rank(resource: StarvedResource, pods: readonly PodUsage[]): PodUsage[] {
  const scored = pods.map((each) => ({ each, over: usageOf(resource, each) - requestOf(resource, each) }));
  const exceeds = (over: number) => Number(resource !== 'pids' && over > 0);
  return scored
    .toSorted((a, b) => exceeds(b.over) - exceeds(a.over) || priorityOf(a.each) - priorityOf(b.each) || b.over - a.over)
    .map(({ each }) => each);
}

/** Pods that the node cannot do without are never evicted (upstream's IsCriticalPod); pods from files are not admitted again. */
export function isCritical({ metadata, spec }: Pod): boolean {
  const source = metadata.annotations?.['kubernetes.io/config.source'];
  return (source !== undefined && source !== 'api') || (spec.priority ?? 0) >= criticalPriority;
}

/** From here on priorities belong to the system. */
const criticalPriority = 2_000_000_000;

function priorityOf({ pod }: PodUsage): number {
  return pod.spec.priority ?? 0;
}

function usageOf(resource: StarvedResource, usage: PodUsage): number {
  switch (resource) {
    case 'memory':
      return usage.memoryBytes;
    case 'ephemeral-storage':
      return usage.diskBytes;
    case 'inodes':
      return usage.inodes;
    case 'pids':
      return usage.processes;
  }
}

function requestOf(resource: StarvedResource, { pod }: PodUsage): number {
  if (resource !== 'memory' && resource !== 'ephemeral-storage') return 0;
  return Number(podRequests(pod.spec).get(resource) ?? 0n) / 1e9;
}
