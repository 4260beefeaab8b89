/** What the whole machine uses, since it started. */
import { readFile, statfs } from 'node:fs/promises';
import { parseInterfaces, parsePressure } from '../runtime/kernel-text.ts';
import { pressureResources } from '../runtime/types.ts';
import type { CgroupUsage, InterfaceUsage } from '../runtime/types.ts';

export interface NodeUsage {
  whole: CgroupUsage;
  memoryTotalBytes: number;
  swapTotalBytes: number;
  cpus: number;
  interfaces: InterfaceUsage[];
  mostPids: number;
  processes: number;
}

/** A file system as a whole. */
export interface DiskSpace {
  availableBytes: number;
  capacityBytes: number;
  inodesFree: number;
  inodes: number;
}

const nanosecondsPerTick = 10_000_000;

/** Reads /proc: a millisecond at most. */
export async function readNodeUsage(): Promise<NodeUsage> {
  const read = (file: string) => readFile(`/proc/${file}`, 'utf8');
  const [stat, meminfo, vmstat, loadavg, pidMax, threadsMax, net, ...pressures] = await Promise.all([
    ...['stat', 'meminfo', 'vmstat', 'loadavg', 'sys/kernel/pid_max', 'sys/kernel/threads-max', 'net/dev'].map(read),
    // Kernels may be without it.
    ...pressureResources.map((resource) => read(`pressure/${resource}`).catch(() => '')),
  ] as [
    Promise<string>,
    Promise<string>,
    Promise<string>,
    Promise<string>,
    Promise<string>,
    Promise<string>,
    Promise<string>,
  ]);
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = stat
    .split('\n')[0]!
    .split(/\s+/)
    .slice(1)
    .map(Number);
  const bytes = (field: string) => Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(meminfo)?.[1] ?? 0) * 1024;
  const count = (field: string) => Number(new RegExp(`^${field} (\\d+)$`, 'm').exec(vmstat)?.[1] ?? 0);
  const processes = Number(/\d+\/(\d+)/.exec(loadavg)?.[1] ?? 0);
  const told = pressureResources.flatMap((resource, i) => {
    const pressure = parsePressure((pressures as string[])[i]!);
    return pressure ? [[resource, pressure] as const] : [];
  });
  return {
    whole: {
      cpuNanoseconds: (user + nice + system + irq + softirq + steal) * nanosecondsPerTick,
      memoryBytes: bytes('MemTotal') - bytes('MemFree'),
      workingSetBytes: bytes('MemTotal') - bytes('MemAvailable'),
      rssBytes: bytes('AnonPages'),
      cacheBytes: bytes('Cached'),
      swapBytes: bytes('SwapTotal') - bytes('SwapFree'),
      memoryLimitBytes: bytes('MemTotal'),
      pageFaults: count('pgfault'),
      majorPageFaults: count('pgmajfault'),
      pids: processes,
      ...(told.length > 0 && { pressure: Object.fromEntries(told) }),
    },
    memoryTotalBytes: bytes('MemTotal'),
    swapTotalBytes: bytes('SwapTotal'),
    cpus: stat.match(/^cpu\d+ /gm)?.length ?? 1,
    interfaces: parseInterfaces(net),
    mostPids: Math.min(Number(pidMax), Number(threadsMax)),
    processes,
  };
}

/** The file system that a folder is on. */
export async function diskSpace(folder: string): Promise<DiskSpace> {
  const { blocks, bavail, bsize, files, ffree } = await statfs(folder);
  return { availableBytes: bavail * bsize, capacityBytes: blocks * bsize, inodesFree: ffree, inodes: files };
}
