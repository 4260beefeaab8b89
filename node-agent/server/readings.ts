/** What the node and its pods use at one moment: what all documents of statistics are made of. */
import type { Env } from '#lib/env/env.ts';
import type { Pod } from '#lib/kinds/gen/core-v1.ts';
import type { Seen } from '../lifecycle/types.ts';
import type { ObservedPod, PodUsage, StatsReader } from '../runtime/types.ts';
import type { DiskUsage, PodDisk } from './disk-usage.ts';
import { diskSpace, readNodeUsage } from './node-usage.ts';
import type { DiskSpace, NodeUsage } from './node-usage.ts';

export interface PodReading {
  /** Undefined when the API has forgotten it. */
  pod: Pod | undefined;
  observed: ObservedPod;
  usage: PodUsage;
  /** Absent until measured. */
  disk: PodDisk | undefined;
}

export interface Readings {
  /** Milliseconds since the epoch. */
  at: number;
  node: NodeUsage;
  /** All pods together. */
  together: Omit<PodUsage, 'containers' | 'interfaces'>;
  nodeFs: DiskSpace;
  imageFs: DiskSpace;
  pods: PodReading[];
}

export type Read = (pods: readonly Seen[]) => Promise<Readings>;

export interface ReadingPlaces {
  /** On the node's file system. */
  stateDir: string;
  imageDir: string;
}

/** Pods whose cgroups are read before others have their turn. */
const podsAtOnce = 10;

export function makeReader(places: ReadingPlaces, runtime: StatsReader, disks: DiskUsage, env: Env): Read {
  return async (pods) => {
    const [node, together, nodeFs, imageFs] = await Promise.all([
      readNodeUsage(),
      runtime.podsUsage(),
      diskSpace(places.stateDir),
      diskSpace(places.imageDir),
    ]);
    const measured = disks.latest(pods);
    const read: PodReading[] = [];
    for (const [i, { pod, observed }] of pods.entries()) {
      if (i % podsAtOnce === podsAtOnce - 1) await env.sleep(0);
      const usage = observed && (await runtime.podUsage(observed.uid));
      if (usage) read.push({ pod, observed, usage, disk: measured.get(observed.uid) });
    }
    return { at: env.now(), node, together, nodeFs, imageFs, pods: read };
  };
}
