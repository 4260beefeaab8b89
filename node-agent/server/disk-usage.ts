/** What pods have on the disk, measured beside the scrapes: none of them waits for the disk. */
import type { Env } from '#lib/env/env.ts';
import type { Seen } from '../lifecycle/types.ts';
import type { LayerLister } from '../runtime/types.ts';
import { allFolders, storageFolders } from '../storage/folders.ts';
import { measureFolders } from '../storage/measure.ts';

export interface FolderUse {
  bytes: number;
  inodes: number;
}

export interface PodDisk {
  /** By container; absent until measured. */
  containers: ReadonlyMap<string, { rootfs: FolderUse | undefined; logs: FolderUse | undefined }>;
  /** By volume: those on the node's disk. */
  volumes: ReadonlyMap<string, FolderUse>;
}

export interface DiskUsage {
  /** What was measured last, by the pods' uids; what is older than a minute is measured anew for the calls to come. */
  latest(pods: readonly Seen[]): ReadonlyMap<string, PodDisk>;
}

/** As often as upstream. */
const keptMs = 60_000;
/** Measuring may take this share of the time: a disk with millions of files is looked at less often. */
const leastRests = 10;

export function makeDiskUsage(runtime: LayerLister, logDir: string, env: Env): DiskUsage {
  let known: ReadonlyMap<string, PodDisk> = new Map();
  let nextAt = -Infinity;
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
      nextAt = env.monotonic() + Math.max(keptMs, leastRests * (env.monotonic() - startedAt));
    }
  }

  return {
    latest(pods) {
      if (!measuring && env.monotonic() >= nextAt) void measure(pods);
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
        return { uid, folders: storageFolders(seen, await runtime.layers(uid), logDir) };
      }),
  );
  const all = known.flatMap(({ folders }) => allFolders(folders));
  if (all.length === 0) return new Map();
  const bytes = await measureFolders(all);
  const inodes = await measureFolders(all, 'inodes');
  const useOf = (folder: string): FolderUse | undefined => {
    const [size, count] = [bytes.get(folder), inodes.get(folder)];
    return size === undefined || count === undefined ? undefined : { bytes: size, inodes: count };
  };
  return new Map(
    known.map(({ uid, folders }) => {
      const containers = [...folders.containers].map(
        ([name, { layer, logs }]) => [name, { rootfs: useOf(layer), logs: useOf(logs) }] as const,
      );
      const volumes = [...folders.volumes].flatMap(([name, folder]) => {
        const use = useOf(folder);
        return use ? [[name, use] as const] : [];
      });
      return [uid, { containers: new Map(containers), volumes: new Map(volumes) }];
    }),
  );
}
