/** Limits that allow what either of two allows. */
import type { CgroupResources } from './types.ts';

/** The wider of each limit; what one does not limit is not limited. */
export function widest(a: CgroupResources, b: CgroupResources): CgroupResources {
  const cpuShares = Math.max(a.cpuShares ?? 0, b.cpuShares ?? 0);
  const cpuMillis = Math.max(a.cpuMillis ?? 0, b.cpuMillis ?? 0);
  const cpuQuota = wider(a.cpuQuota, b.cpuQuota);
  const memoryLimitBytes = wider(a.memoryLimitBytes, b.memoryLimitBytes);
  const memoryLowBytes = Math.max(a.memoryLowBytes ?? 0, b.memoryLowBytes ?? 0);
  const pidsLimit = wider(a.pidsLimit, b.pidsLimit);
  return {
    ...(cpuShares > 0 && { cpuShares }),
    ...(cpuMillis > 0 && { cpuMillis }),
    ...(cpuQuota !== undefined && { cpuQuota, cpuPeriod: b.cpuPeriod ?? a.cpuPeriod ?? 100_000 }),
    ...(memoryLimitBytes !== undefined && { memoryLimitBytes }),
    ...(memoryLowBytes > 0 && { memoryLowBytes }),
    ...(pidsLimit !== undefined && { pidsLimit }),
    // Nobody changes these while the pod is there.
    ...(b.hugePages && { hugePages: b.hugePages }),
    ...(b.io && { io: b.io }),
  };
}

function wider(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? undefined : Math.max(a, b);
}
