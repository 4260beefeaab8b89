/** Where pods' cgroups are, and what those above them get. Pure. */
import { leastShares, sharesOf } from '../shares.ts';
import type { SandboxSpec } from '../types.ts';

/** The cgroup that all pods of the node share. */
export function podsCgroup(root: string): string {
  return `${root}/kubepods`;
}

/** The pod's cgroup below `root`, in upstream's order: guaranteed pods stand beside the folders of the other classes. */
export function podCgroup(root: string, pod: Pick<SandboxSpec, 'uid' | 'qos'>): string {
  return `${tierCgroup(root, pod.qos) ?? podsCgroup(root)}/pod${pod.uid}`;
}

/** The cgroup that all pods of a class share; undefined for guaranteed pods, which stand for themselves. */
export function tierCgroup(root: string, qos: SandboxSpec['qos']): string | undefined {
  return qos === 'Guaranteed' ? undefined : `${podsCgroup(root)}/${qos.toLowerCase()}`;
}

/** What the pods of a class get of the processor together, against guaranteed pods: as much as they ask for, the least there is for who asks for nothing. */
export function tierShares(qos: SandboxSpec['qos'], pods: readonly SandboxSpec[]): number {
  if (qos === 'BestEffort') return leastShares;
  const asked = pods.filter((pod) => pod.qos === qos).map(({ resources }) => resources.cpuMillis ?? 0);
  // Rounded once, as upstream does, and not pod by pod.
  return sharesOf(asked.reduce((sum, each) => sum + each, 0));
}

/** What is kept for the pods of a class, or of all when none is given: as much as they ask for together. */
export function keptMemory(pods: readonly SandboxSpec[], qos?: SandboxSpec['qos']): number {
  return pods
    .filter((pod) => qos === undefined || pod.qos === qos)
    .reduce((sum, { resources }) => sum + (resources.memoryLowBytes ?? 0), 0);
}
