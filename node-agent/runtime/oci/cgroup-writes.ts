/** What is written to a cgroup's files to limit it, for cgroup v1 and v2. Pure. */
import type { IoRates } from '#lib/kinds/pod-spec/io-limits.ts';
import { hugePageName } from '../huge-page-name.ts';
import type { CgroupResources } from '../types.ts';
import { weightText } from './io.ts';

export type CgroupVersion = 'v1' | 'v2';

/** How this kernel, and this node, want limits written. */
export interface CgroupDialect {
  version: CgroupVersion;
  /** The sizes of huge pages that can be limited; none without their controller. */
  hugePageBytes: readonly number[];
  /** What is kept of memory is kept whatever happens (`memory.min`), not only as long as others have some to give (`memory.low`). */
  keepsMemory: boolean;
  /** Where weights of input and output are written; absent where they count for nothing. */
  ioWeight?: 'io.weight' | 'io.bfq.weight';
}

/** A file below a cgroup's folder, and its new content. */
export interface CgroupWrite {
  /** Of v1. */
  controller: string;
  file: string;
  value: string;
}

/** The writes that limit a cgroup so. Devices of `io` must be given by their numbers; what v1 is told of them holds for one cgroup and not for those below. */
export function resourceWrites(resources: CgroupResources, dialect: CgroupDialect): CgroupWrite[] {
  const { cpuShares, cpuQuota, cpuPeriod = 100_000, memoryLimitBytes, memoryLowBytes, memoryHighBytes } = resources;
  const writes: (CgroupWrite | undefined)[] =
    dialect.version === 'v2'
      ? [
          write('cpu', 'cpu.weight', cpuShares === undefined ? undefined : weightOf(cpuShares)),
          write(
            'cpu',
            'cpu.max',
            cpuQuota === undefined ? undefined : `${cpuQuota < 0 ? 'max' : cpuQuota} ${cpuPeriod}`,
          ),
          write('memory', 'memory.max', orMax(memoryLimitBytes)),
          write('memory', dialect.keepsMemory ? 'memory.min' : 'memory.low', memoryLowBytes),
          write('memory', 'memory.high', orMax(memoryHighBytes)),
        ]
      : [
          write('cpu', 'cpu.shares', cpuShares),
          write('cpu', 'cpu.cfs_period_us', cpuQuota === undefined ? undefined : cpuPeriod),
          write('cpu', 'cpu.cfs_quota_us', cpuQuota),
          write('memory', 'memory.limit_in_bytes', memoryLimitBytes),
        ];
  return [
    ...writes,
    write('pids', 'pids.max', resources.pidsLimit),
    ...hugePageWrites(resources.hugePages, dialect),
    ...ioWrites(resources.io, dialect),
  ].filter((item) => item !== undefined);
}

/** Files of huge pages begin so, as `hugetlb.2MB`. */
export function hugePageFile(bytes: number): string {
  const units = [
    [2 ** 30, 'GB'],
    [2 ** 20, 'MB'],
    [2 ** 10, 'KB'],
  ] as const;
  const [size, unit] = units.find(([each]) => bytes >= each) ?? units[2];
  return `hugetlb.${bytes / size}${unit}`;
}

/** Reserving pages is limited as well as having them: a program hears `no` when it asks, and is not killed when it writes. */
function hugePageWrites(
  hugePages: CgroupResources['hugePages'],
  { version, hugePageBytes }: CgroupDialect,
): (CgroupWrite | undefined)[] {
  if (!hugePages) return [];
  const limit = version === 'v2' ? 'max' : 'limit_in_bytes';
  return hugePageBytes.flatMap((bytes) => {
    const most = hugePages[hugePageName(bytes)] ?? 0;
    return [`${hugePageFile(bytes)}.${limit}`, `${hugePageFile(bytes)}.rsvd.${limit}`].map((file) =>
      write('hugetlb', file, most),
    );
  });
}

function ioWrites(io: CgroupResources['io'], { version, ioWeight }: CgroupDialect): (CgroupWrite | undefined)[] {
  if (!io || version === 'v1') return [];
  return [
    ...io.devices.map(({ device, ...rates }) => write('io', 'io.max', `${device} ${ioRatesText(rates)}`)),
    ...(io.weight === undefined || !ioWeight ? [] : [write('io', ioWeight, weightText(io.weight, ioWeight))]),
  ];
}

/** A line of `io.max`, without the device. */
function ioRatesText(rates: IoRates): string {
  return (['rbps', 'wbps', 'riops', 'wiops'] as const)
    .filter((name) => rates[name] !== undefined)
    .map((name) => `${name}=${rates[name]}`)
    .join(' ');
}

function orMax(bytes: number | undefined): number | string | undefined {
  return bytes !== undefined && bytes < 0 ? 'max' : bytes;
}

/** Processor shares of v1 (2 to 262144) as a weight of v2 (1 to 10000), by the formula all runtimes use. */
function weightOf(shares: number): number {
  const within = Math.min(Math.max(shares, 2), 262_144);
  return Math.floor(1 + ((within - 2) * 9999) / 262_142);
}

function write(controller: string, file: string, value: number | string | undefined): CgroupWrite | undefined {
  return value === undefined ? undefined : { controller, file, value: String(value) };
}
