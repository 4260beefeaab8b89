/** Where pods' cgroups are and what is written to them, for cgroup v1 and v2. */
import type { CgroupResources, SandboxSpec } from '../types.ts';

export type CgroupVersion = 'v1' | 'v2';

/** A file below a cgroup's folder, and its new content. */
export interface CgroupWrite {
  /** Of v1. */
  controller: string;
  file: string;
  value: string;
}

/** The v1 hierarchies in which a pod has a folder of its own before its containers do. */
export const podControllers = ['cpu', 'memory', 'pids'] as const;

const leastShares = 2;

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
  const shares = pods.filter((pod) => pod.qos === qos).map(({ resources }) => resources.cpuShares ?? 0);
  // The least there is stands for nothing asked.
  return Math.max(
    shares.filter((each) => each > leastShares).reduce((sum, each) => sum + each, 0),
    leastShares,
  );
}

/** What is kept for the pods of a class, or of all when none is given: as much as they ask for together. */
export function keptMemory(pods: readonly SandboxSpec[], qos?: SandboxSpec['qos']): number {
  return pods
    .filter((pod) => qos === undefined || pod.qos === qos)
    .reduce((sum, { resources }) => sum + (resources.memoryLowBytes ?? 0), 0);
}

/** The writes that limit a cgroup so. */
export function resourceWrites(resources: CgroupResources, version: CgroupVersion): CgroupWrite[] {
  const { cpuShares, cpuQuota, cpuPeriod = 100_000, memoryLimitBytes, memoryLowBytes, pidsLimit } = resources;
  const writes: (CgroupWrite | undefined)[] =
    version === 'v2'
      ? [
          write('cpu', 'cpu.weight', cpuShares === undefined ? undefined : weightOf(cpuShares)),
          write(
            'cpu',
            'cpu.max',
            cpuQuota === undefined ? undefined : `${cpuQuota < 0 ? 'max' : cpuQuota} ${cpuPeriod}`,
          ),
          write(
            'memory',
            'memory.max',
            memoryLimitBytes !== undefined && memoryLimitBytes < 0 ? 'max' : memoryLimitBytes,
          ),
          write('memory', 'memory.low', memoryLowBytes),
        ]
      : [
          write('cpu', 'cpu.shares', cpuShares),
          write('cpu', 'cpu.cfs_period_us', cpuQuota === undefined ? undefined : cpuPeriod),
          write('cpu', 'cpu.cfs_quota_us', cpuQuota),
          write('memory', 'memory.limit_in_bytes', memoryLimitBytes),
        ];
  return [...writes, write('pids', 'pids.max', pidsLimit)].filter((item) => item !== undefined);
}

/** Processor shares of v1 (2 to 262144) as a weight of v2 (1 to 10000), by the formula all runtimes use. */
function weightOf(shares: number): number {
  const within = Math.min(Math.max(shares, 2), 262_144);
  return Math.floor(1 + ((within - 2) * 9999) / 262_142);
}

function write(controller: string, file: string, value: number | string | undefined): CgroupWrite | undefined {
  return value === undefined ? undefined : { controller, file, value: String(value) };
}
