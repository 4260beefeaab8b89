/** The kubelet's /stats/summary document. */
import { readFile } from 'node:fs/promises';
import type { Env } from '#lib/env/env.ts';
import { formatTime } from '#lib/meta/time.ts';
import type { Seen } from '../lifecycle/types.ts';
import type { ContainerUsage, StatsReader } from '../runtime/types.ts';

interface Sample {
  cpuNanoseconds: number;
  at: number;
}

/** Two looks nearer than this are one for a rate. */
const leastIntervalMs = 1000;
const nanosecondsPerTick = 10_000_000;

/** Of a container, a pod or the node. Times are RFC 3339. */
export interface UsageSummary {
  startTime: string;
  cpu: { time: string; usageNanoCores: number; usageCoreNanoSeconds: number };
  memory: { time: string; usageBytes: number; workingSetBytes: number };
}

export interface PodSummary extends UsageSummary {
  podRef: { name: string; namespace: string; uid: string };
  containers: ({ name: string } & UsageSummary)[];
}

export interface Summary {
  node: { nodeName: string } & UsageSummary;
  pods: PodSummary[];
}

export interface StatsSource {
  summary(pods: readonly Seen[]): Promise<Summary>;
}

/** Rates are over the time since the look before. */
export function makeStats(nodeName: string, startedAt: number, reader: StatsReader, env: Env): StatsSource {
  let samples = new Map<string, Sample & { rate: number }>();

  /** Nanocores since the last sample; since `since` for what was never sampled. */
  function rateOf(id: string, cpuNanoseconds: number, since: number, next: typeof samples): number {
    const now = env.now();
    const last = samples.get(id);
    if (last && now - last.at < leastIntervalMs) {
      next.set(id, last);
      return last.rate;
    }
    const from = last ?? { cpuNanoseconds: 0, at: since };
    const elapsedMs = Math.max(1, now - from.at);
    const rate = Math.max(0, Math.round(((cpuNanoseconds - from.cpuNanoseconds) * 1000) / elapsedMs));
    next.set(id, { cpuNanoseconds, at: now, rate });
    return rate;
  }

  return {
    async summary(pods) {
      const next: typeof samples = new Map();
      const time = formatTime(env.now());
      const describe = (id: string, usage: Usage, since: number): UsageSummary => ({
        startTime: formatTime(since),
        cpu: {
          time,
          usageNanoCores: rateOf(id, usage.cpuNanoseconds, since, next),
          usageCoreNanoSeconds: usage.cpuNanoseconds,
        },
        memory: { time, usageBytes: usage.memoryBytes, workingSetBytes: usage.workingSetBytes },
      });
      const described: PodSummary[] = [];
      for (const { observed } of pods) {
        if (!observed) continue;
        const { uid, name, namespace, createdAt } = observed;
        const usages = await reader.stats(uid);
        const containers = usages.map((usage) => {
          const run = observed.containers.find(({ id }) => id === usage.id);
          return { name: usage.name, ...describe(usage.id, usage, run?.startedAt ?? createdAt) };
        });
        const whole = describe(uid, total(usages), createdAt);
        described.push({ podRef: { name, namespace, uid }, ...whole, containers });
      }
      const node = { nodeName, ...describe('', await nodeUsage(), startedAt) };
      samples = next;
      return { node, pods: described };
    },
  };
}

type Usage = Pick<ContainerUsage, 'cpuNanoseconds' | 'memoryBytes' | 'workingSetBytes'>;

function total(usages: readonly Usage[]): Usage {
  const sum = (field: keyof Usage) => usages.reduce((whole, usage) => whole + usage[field], 0);
  return {
    cpuNanoseconds: sum('cpuNanoseconds'),
    memoryBytes: sum('memoryBytes'),
    workingSetBytes: sum('workingSetBytes'),
  };
}

/** The whole machine's, since it started: what is neither idle nor free. */
async function nodeUsage(): Promise<Usage> {
  const [stat, meminfo] = await Promise.all([readFile('/proc/stat', 'utf8'), readFile('/proc/meminfo', 'utf8')]);
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = stat
    .split('\n')[0]!
    .split(/\s+/)
    .slice(1)
    .map(Number);
  const kilobytes = (field: string) => Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(meminfo)?.[1] ?? 0);
  return {
    cpuNanoseconds: (user + nice + system + irq + softirq + steal) * nanosecondsPerTick,
    memoryBytes: (kilobytes('MemTotal') - kilobytes('MemFree')) * 1024,
    workingSetBytes: (kilobytes('MemTotal') - kilobytes('MemAvailable')) * 1024,
  };
}
