/** What pods have on the disk, measured beside the scrapes: none of them waits for the disk. */
import type { Env } from '#lib/env/env.ts';
import type { Seen } from '../lifecycle/types.ts';
import type { LayerLister } from '../runtime/types.ts';
import { storageFolders } from '../storage/folders.ts';
import { measureFolders } from '../storage/measure.ts';
import { lookAt, volumesOf } from './volume-usage.ts';
import type { VolumeUse } from './volume-usage.ts';

export interface FolderUse {
  bytes: number;
  inodes: number;
}

export interface PodDisk {
  /** By container; absent until measured. */
  containers: ReadonlyMap<string, { rootfs: FolderUse | undefined; logs: FolderUse | undefined }>;
  volumes: readonly VolumeUse[];
}

export interface DiskUsage {
  /** What was measured last, by the pods' uids; what is older than a minute, or lacks a pod, is measured anew for the calls to come. */
  latest(pods: readonly Seen[]): ReadonlyMap<string, PodDisk>;
}

/** As often as upstream. */
const keptMs = 60_000;
/** How soon pods have their turn of which nothing is known yet. */
const newcomersMs = 5_000;
/** Measuring may take this share of the time: a disk with millions of files is looked at less often. */
const leastRests = 10;

export function makeDiskUsage(runtime: LayerLister, logDir: string, env: Env): DiskUsage {
  let known: ReadonlyMap<string, PodDisk> = new Map();
  let next = { at: -Infinity, forNewcomersAt: -Infinity };
  let measuring = false;

  async function measure(pods: readonly Seen[]): Promise<void> {
    const startedAt = env.monotonic();
    measuring = true;
    try {
      known = await measureAll(pods, runtime, logDir);
    } catch (error) {
      env.log.warn('Cannot measure what pods have on the disk, trying again later', { error });
    } finally {
      measuring = false;
      const now = env.monotonic();
      const restMs = leastRests * (now - startedAt);
      next = { at: now + Math.max(keptMs, restMs), forNewcomersAt: now + Math.max(newcomersMs, restMs) };
    }
  }

  return {
    latest(pods) {
      const now = env.monotonic();
      const hasNewcomer = () => pods.some(({ pod, observed }) => pod && observed && !known.has(observed.uid));
      const isDue = now >= next.at || (now >= next.forNewcomersAt && hasNewcomer());
      if (!measuring && isDue) void measure(pods);
      return known;
    },
  };
}

async function measureAll(
  pods: readonly Seen[],
  runtime: LayerLister,
  logDir: string,
): Promise<ReadonlyMap<string, PodDisk>> {
  const known = await Promise.all(
    pods
      .filter(({ pod, observed }) => pod && observed)
      .map(async (seen) => {
        const { uid } = seen.pod!.metadata;
        const { containers } = storageFolders(seen, await runtime.layers(uid), logDir);
        return { uid, containers, volumes: await Promise.all(volumesOf(seen).map(lookAt)) };
      }),
  );
  const all = known.flatMap(({ containers, volumes }) => [
    ...[...containers.values()].flatMap(({ layer, logs }) => [layer, logs]),
    ...volumes.flatMap(({ folder, space, use }) => (space && !use ? [folder] : [])),
  ]);
  const bytes = await measureFolders(all);
  const inodes = await measureFolders(all, 'inodes');
  const useOf = (folder: string): FolderUse | undefined => {
    const [size, count] = [bytes.get(folder), inodes.get(folder)];
    return size === undefined || count === undefined ? undefined : { bytes: size, inodes: count };
  };
  return new Map(
    known.map(({ uid, containers, volumes }) => {
      const uses = [...containers].map(
        ([name, { layer, logs }]) => [name, { rootfs: useOf(layer), logs: useOf(logs) }] as const,
      );
      return [uid, { containers: new Map(uses), volumes: volumes.map((volume) => withUse(volume, useOf)) }];
    }),
  );
}

/** What has its file system for itself has been measured already. */
function withUse(volume: VolumeUse, useOf: (folder: string) => FolderUse | undefined): VolumeUse {
  const use = volume.use ?? useOf(volume.folder);
  return use ? { ...volume, use } : volume;
}
