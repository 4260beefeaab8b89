/** What the runtime's parts share: where things are, what this machine is, and what is known of pods and containers. */
import type { Env } from '#lib/env/env.ts';
import type { PodNetwork } from '../../network/pod-network.ts';
import type { RuntimeFeatures } from '../types.ts';
import type { IdPool, UserIds } from '../user-ids.ts';
import type { Cgroups } from './cgroup-files.ts';
import type { CgroupDialect } from './cgroup-writes.ts';
import type { Exits } from './exits.ts';
import type { RuntimeFolders } from './folders.ts';
import type { HonestFiles } from './honest-files.ts';
import type { HostFacts } from './host.ts';
import type { Exit } from './observe.ts';
import type { ContainerRecord, PodRecord } from './records.ts';

export interface Programs {
  crun: string;
  conmon: string;
}

export interface ContainerEntry {
  record: ContainerRecord;
  /** Set once the end is known. */
  exit?: Exit;
}

export interface PodEntry {
  record: PodRecord;
  /** By id. */
  containers: Map<string, ContainerEntry>;
}

export interface Workshop {
  env: Env;
  programs: Programs;
  /** Below each cgroup hierarchy: `/wherry/...`. */
  cgroupRoot: string;
  nodeIps: readonly string[];
  /** Whether writable layers with a limit get a disk of their own. */
  boundLayers: boolean;
  folders: RuntimeFolders;
  host: HostFacts;
  features: RuntimeFeatures;
  /** What pods with users of their own get ids from, and who got some last. */
  userIds: { pool: IdPool; previous?: UserIds };
  cgroups: Cgroups;
  dialect: CgroupDialect;
  /** Absent where containers see the files of the kernel. */
  honest?: HonestFiles;
  network: PodNetwork;
  exits: Exits;
  /** The records on disk, read once; only this process writes them. By uid. */
  pods: Map<string, PodEntry>;
}

/** The container and its pod. */
export function findContainer(shop: Workshop, id: string): { pod: PodEntry; container: ContainerEntry } | undefined {
  for (const pod of shop.pods.values()) {
    const container = pod.containers.get(id);
    if (container) return { pod, container };
  }
  return undefined;
}
