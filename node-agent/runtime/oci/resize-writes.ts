/** What is written to a running container's or pod's cgroup to limit it otherwise. Pure. */
import type { CgroupResources } from '../types.ts';
import { resourceWrites } from './cgroups.ts';
import type { CgroupVersion, CgroupWrite } from './cgroups.ts';

const leastShares = 2;
const unlimited = -1;

/**
 * The writes in their order. Limits that `after` does not name are lifted. With `boundsSwap` (v1) memory and swap together are held to the limit of memory, as when
 * the container was made; the kernel never lets that bound be lower than the one of memory alone.
 */
export function resizeWrites(
  before: CgroupResources,
  after: CgroupResources,
  { version, boundsSwap }: { version: CgroupVersion; boundsSwap: boolean },
): CgroupWrite[] {
  const memoryLimitBytes = after.memoryLimitBytes ?? unlimited;
  const writes = resourceWrites(
    { cpuShares: leastShares, cpuQuota: unlimited, memoryLowBytes: 0, ...after, memoryLimitBytes },
    version,
  );
  if (!boundsSwap) return writes;
  const swap = { controller: 'memory', file: 'memory.memsw.limit_in_bytes', value: String(memoryLimitBytes) };
  const grows = (after.memoryLimitBytes ?? Infinity) > (before.memoryLimitBytes ?? Infinity);
  return grows ? [swap, ...writes] : [...writes, swap];
}
