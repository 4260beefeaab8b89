/** The document `/stats/summary`, in the shape of upstream's `pkg/apis/stats/v1alpha1`. Times are RFC 3339. */
import type { InterfaceUsage, PressureUsage } from '../runtime/types.ts';

export interface CpuSummary {
  time: string;
  usageNanoCores: number;
  usageCoreNanoSeconds: number;
  psi?: PressureUsage;
}

export interface MemorySummary {
  time: string;
  /** Of what is limited: until the limit. */
  availableBytes?: number;
  usageBytes: number;
  workingSetBytes: number;
  rssBytes: number;
  pageFaults: number;
  majorPageFaults: number;
  psi?: PressureUsage;
}

export interface SwapSummary {
  time: string;
  swapAvailableBytes?: number;
  swapUsageBytes: number;
}

export interface IoSummary {
  time: string;
  psi: PressureUsage;
}

/** Of a container, a pod or the node. */
export interface UsageSummary {
  startTime: string;
  cpu: CpuSummary;
  memory: MemorySummary;
  swap: SwapSummary;
  io?: IoSummary;
}

/** A file system, and how much of it is used by what is described. */
export interface FsSummary {
  time: string;
  availableBytes: number;
  capacityBytes: number;
  /** Absent until it was measured. */
  usedBytes?: number;
  inodesFree: number;
  inodes: number;
  inodesUsed?: number;
}

interface InterfaceSummary {
  name: string;
  rxBytes: number;
  rxErrors: number;
  txBytes: number;
  txErrors: number;
}

/** One interface, the default one, is told at the top too. */
export interface NetworkSummary extends InterfaceSummary {
  time: string;
  interfaces: InterfaceSummary[];
}

export interface ContainerSummary extends UsageSummary {
  name: string;
  rootfs: FsSummary;
  logs: FsSummary;
}

export interface PodSummary extends UsageSummary {
  podRef: { name: string; namespace: string; uid: string };
  containers: ContainerSummary[];
  network?: NetworkSummary;
  volume?: ({ name: string; pvcRef?: { name: string; namespace: string } } & FsSummary)[];
  'ephemeral-storage': FsSummary;
  process_stats: { process_count: number };
}

export interface NodeSummary extends UsageSummary {
  nodeName: string;
  systemContainers: ({ name: string } & UsageSummary)[];
  network?: NetworkSummary;
  fs: FsSummary;
  runtime: { imageFs: FsSummary; containerFs: FsSummary };
  rlimit: { time: string; maxpid: number; curproc: number };
}

export interface Summary {
  node: NodeSummary;
  pods: PodSummary[];
}

const defaultInterface = 'eth0';

/** Undefined when there is no interface. */
export function networkSummary(interfaces: readonly InterfaceUsage[], time: string): NetworkSummary | undefined {
  const told = interfaces.map(({ name, rxBytes, rxErrors, txBytes, txErrors }) => {
    return { name, rxBytes, rxErrors, txBytes, txErrors };
  });
  const main = told.find(({ name }) => name === defaultInterface) ?? told[0];
  return main && { time, ...main, interfaces: told };
}
