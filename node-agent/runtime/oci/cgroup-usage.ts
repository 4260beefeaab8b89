/** Reads what a cgroup uses from its files, of v1 and v2. */
import { parsePressure } from '../kernel-text.ts';
import { pressureResources } from '../types.ts';
import type { CgroupUsage } from '../types.ts';
import type { CgroupVersion } from './cgroup-writes.ts';

/** What v1 says for no limit is the largest number of pages. */
const unlimitedBytes = 2 ** 62;

/** `read` gives a file of a controller; '' for one that is not there, which counts as nothing used. */
export function readUsage(version: CgroupVersion, read: (controller: string, file: string) => string): CgroupUsage {
  const v2 = version === 'v2';
  const stat = read('memory', 'memory.stat');
  const ofStat = (name: string, nameInV1: string) => numberAfter(v2 ? name : `total_${nameInV1}`, stat);
  const memoryBytes = Number(read('memory', v2 ? 'memory.current' : 'memory.usage_in_bytes'));
  const limitIn = (file: string) => Number(read('memory', file).trim() || 'NaN');
  const limit = limitIn(v2 ? 'memory.max' : 'memory.limit_in_bytes');
  // v1 limits both together.
  const swapLimit = v2 ? limitIn('memory.swap.max') : limitIn('memory.memsw.limit_in_bytes') - limit;
  const cpuStat = read('cpu', 'cpu.stat');
  const periods = numberAfter('nr_periods', cpuStat);
  const pressure = v2 ? pressureOf(read) : undefined;
  return {
    cpuNanoseconds: v2 ? numberAfter('usage_usec', cpuStat) * 1000 : Number(read('cpuacct', 'cpuacct.usage')),
    memoryBytes,
    // What could not be freed at once: upstream's meaning.
    workingSetBytes: Math.max(0, memoryBytes - ofStat('inactive_file', 'inactive_file')),
    rssBytes: ofStat('anon', 'rss'),
    cacheBytes: ofStat('file', 'cache'),
    swapBytes: v2 ? Number(read('memory', 'memory.swap.current')) : ofStat('swap', 'swap'),
    ...(limit < unlimitedBytes && { memoryLimitBytes: limit }),
    ...(swapLimit < unlimitedBytes && (v2 || limit < unlimitedBytes) && { swapLimitBytes: swapLimit }),
    pageFaults: ofStat('pgfault', 'pgfault'),
    majorPageFaults: ofStat('pgmajfault', 'pgmajfault'),
    pids: Number(read('pids', 'pids.current')),
    ...(periods > 0 && {
      throttling: {
        periods,
        throttledPeriods: numberAfter('nr_throttled', cpuStat),
        throttledNanoseconds: v2
          ? numberAfter('throttled_usec', cpuStat) * 1000
          : numberAfter('throttled_time', cpuStat),
      },
    }),
    ...(pressure && { pressure }),
  };
}

function pressureOf(read: (controller: string, file: string) => string): CgroupUsage['pressure'] {
  const told = pressureResources.flatMap((resource) => {
    const pressure = parsePressure(read(resource, `${resource}.pressure`));
    return pressure ? [[resource, pressure] as const] : [];
  });
  return told.length > 0 ? Object.fromEntries(told) : undefined;
}

/** The number after a name at a line's beginning; 0 when there is none. */
export function numberAfter(name: string, text: string): number {
  return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1] ?? 0);
}
