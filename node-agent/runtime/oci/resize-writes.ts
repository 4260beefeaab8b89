/** What is written to a running container's or pod's cgroup to limit it otherwise. Pure. */
import { leastShares } from '../shares.ts';
import type { CgroupResources } from '../types.ts';
import { resourceWrites } from './cgroup-writes.ts';
import type { CgroupDialect, CgroupWrite } from './cgroup-writes.ts';

const unlimited = -1;

/**
 * The writes in their order. Limits of processors and memory that `after` does not name are lifted; what else a cgroup is held to stays. With `boundsSwap`, of containers alone, swap is
 * held to its own limit: in v1 together with memory, and the kernel never lets that bound be lower than the one of memory alone.
 */
export function resizeWrites(
  before: CgroupResources,
  after: CgroupResources,
  { dialect, boundsSwap }: { dialect: CgroupDialect; boundsSwap: boolean },
): CgroupWrite[] {
  const { io: _, hugePages: __, ...changing } = after;
  const memoryLimitBytes = after.memoryLimitBytes ?? unlimited;
  const writes = resourceWrites(
    {
      cpuShares: leastShares,
      cpuQuota: unlimited,
      memoryLowBytes: 0,
      ...(dialect.keepsMemory && { memoryHighBytes: unlimited }),
      ...changing,
      memoryLimitBytes,
    },
    dialect,
  );
  if (!boundsSwap) return writes;
  const { swapLimitBytes = 0 } = after;
  if (dialect.version === 'v2') {
    return [...writes, { controller: 'memory', file: 'memory.swap.max', value: String(swapLimitBytes) }];
  }
  const together = memoryLimitBytes === unlimited ? unlimited : memoryLimitBytes + swapLimitBytes;
  const swap = { controller: 'memory', file: 'memory.memsw.limit_in_bytes', value: String(together) };
  const bound = (of: CgroupResources) => (of.memoryLimitBytes ?? Infinity) + (of.swapLimitBytes ?? 0);
  return bound(after) > bound(before) ? [swap, ...writes] : [...writes, swap];
}
