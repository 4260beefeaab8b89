/** The kubelet's /stats/summary document, from what was read. */
import { formatTime } from '#lib/meta/time.ts';
import type { CgroupUsage } from '../runtime/types.ts';
import type { FolderUse, PodDisk } from './disk-usage.ts';
import type { DiskSpace } from './node-usage.ts';
import type { PodReading, Readings } from './readings.ts';
import { networkSummary } from './summary-types.ts';
import type { ContainerSummary, FsSummary, NodeSummary, PodSummary, Summary, UsageSummary } from './summary-types.ts';

interface Sample {
  cpuNanoseconds: number;
  at: number;
}

/** Two looks nearer than this are one for a rate. */
const leastIntervalMs = 1000;

export type Summarize = (readings: Readings) => Summary;

/** Rates are over the time since the look before. */
export function makeSummarizer(nodeName: string, startedAt: number): Summarize {
  let samples = new Map<string, Sample & { rate: number }>();

  return (readings) => {
    const { at, node, together, nodeFs, imageFs } = readings;
    const next: typeof samples = new Map();
    const time = formatTime(at);

    /** Nanocores since the last sample; since `since` for what was never sampled. */
    function rateOf(id: string, cpuNanoseconds: number, since: number): number {
      const last = samples.get(id);
      if (last && at - last.at < leastIntervalMs) {
        next.set(id, last);
        return last.rate;
      }
      const from = last ?? { cpuNanoseconds: 0, at: since };
      const elapsedMs = Math.max(1, at - from.at);
      // Nanoseconds in a millisecond, times a thousand, are nanoseconds in a second.
      const rate = Math.max(0, Math.round(((cpuNanoseconds - from.cpuNanoseconds) * 1000) / elapsedMs));
      next.set(id, { cpuNanoseconds, at, rate });
      return rate;
    }
    const describe = (id: string, usage: CgroupUsage, since: number): UsageSummary => {
      const { cpu, memory, io } = usage.pressure ?? {};
      return {
        startTime: formatTime(since),
        cpu: {
          time,
          usageNanoCores: rateOf(id, usage.cpuNanoseconds, since),
          usageCoreNanoSeconds: usage.cpuNanoseconds,
          ...(cpu && { psi: cpu }),
        },
        memory: {
          time,
          ...(usage.memoryLimitBytes !== undefined && {
            availableBytes: Math.max(0, usage.memoryLimitBytes - usage.workingSetBytes),
          }),
          usageBytes: usage.memoryBytes,
          workingSetBytes: usage.workingSetBytes,
          rssBytes: usage.rssBytes,
          pageFaults: usage.pageFaults,
          majorPageFaults: usage.majorPageFaults,
          ...(memory && { psi: memory }),
        },
        swap: {
          time,
          ...(usage.swapLimitBytes !== undefined && {
            swapAvailableBytes: Math.max(0, usage.swapLimitBytes - usage.swapBytes),
          }),
          swapUsageBytes: usage.swapBytes,
        },
        ...(io && { io: { time, psi: io } }),
      };
    };
    const describePod = ({ observed, usage, disk }: PodReading): PodSummary => {
      const { uid, name, namespace, createdAt } = observed;
      const containers = usage.containers.map((container): ContainerSummary => {
        const run = observed.containers.find(({ id }) => id === container.id);
        const { rootfs, logs } = disk?.containers.get(container.name) ?? {};
        return {
          name: container.name,
          ...describe(container.id, container, run?.startedAt ?? createdAt),
          rootfs: partOf(imageFs, rootfs, time),
          logs: partOf(nodeFs, logs, time),
        };
      });
      const network = networkSummary(usage.interfaces, time);
      const volume = (disk?.volumes ?? []).flatMap(({ name: volumeName, claim, space, use }) =>
        space
          ? [
              {
                ...partOf(space, use, time),
                name: volumeName,
                ...(claim !== undefined && { pvcRef: { name: claim, namespace } }),
              },
            ]
          : [],
      );
      return {
        podRef: { name, namespace, uid },
        ...describe(uid, usage.whole, createdAt),
        containers,
        ...(network && { network }),
        ...(volume.length > 0 && { volume }),
        'ephemeral-storage': partOf(nodeFs, disk && sum(disk), time),
        process_stats: { process_count: usage.whole.pids },
      };
    };

    const ofNode = describe('', node.whole, startedAt);
    const network = networkSummary(node.interfaces, time);
    const described: NodeSummary = {
      nodeName,
      systemContainers: [{ name: 'pods', ...describe(together.cgroup, together.whole, startedAt) }],
      ...ofNode,
      swap: { ...ofNode.swap, swapAvailableBytes: node.swapTotalBytes - node.whole.swapBytes },
      ...(network && { network }),
      fs: whole(nodeFs, time),
      runtime: { imageFs: whole(imageFs, time), containerFs: whole(nodeFs, time) },
      rlimit: { time, maxpid: node.mostPids, curproc: node.processes },
    };
    const summary = { node: described, pods: readings.pods.map(describePod) };
    samples = next;
    return summary;
  };
}

function whole(space: DiskSpace, time: string): FsSummary {
  return {
    time,
    ...space,
    usedBytes: space.capacityBytes - space.availableBytes,
    inodesUsed: space.inodes - space.inodesFree,
  };
}

function partOf(space: DiskSpace, use: FolderUse | undefined, time: string): FsSummary {
  return { time, ...space, ...(use && { usedBytes: use.bytes, inodesUsed: use.inodes }) };
}

function sum({ containers, volumes }: PodDisk): FolderUse {
  const all = [
    ...[...containers.values()].flatMap(({ rootfs, logs }) => [rootfs, logs]),
    ...volumes.filter(({ isEphemeral }) => isEphemeral).map(({ use }) => use),
  ];
  return {
    bytes: all.reduce((total, use) => total + (use?.bytes ?? 0), 0),
    inodes: all.reduce((total, use) => total + (use?.inodes ?? 0), 0),
  };
}
