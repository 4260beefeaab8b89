/** What the pods of a node use, measured when some must go. */
import { isTerminal } from '../lifecycle/ending.ts';
import type { Pods } from '../lifecycle/pods.ts';
import type { LayerLister, StatsReader } from '../runtime/types.ts';
import { allFolders, storageFolders, storageUse } from '../storage/folders.ts';
import { measureFolders } from '../storage/measure.ts';
import type { PodUsage } from './rank.ts';
import type { StarvedResource } from './types.ts';

export interface UsageParts {
  runtime: LayerLister & StatsReader;
  pods: Pick<Pods, 'all'>;
  logDir: string;
}

/** Every pod that could be evicted, and what it uses of the resource; the disk is measured only for those that are of the disk. */
export async function measurePods(
  { runtime, pods, logDir }: UsageParts,
  resource: StarvedResource,
): Promise<PodUsage[]> {
  const active = pods
    .all()
    .filter(({ pod, exists, notes }) => pod && exists && !isTerminal(pod) && !notes.rejected && !notes.evicted);
  const measured = await Promise.all(
    active.map(async (seen) => {
      const { uid } = seen.pod!.metadata;
      const [stats, layers] = await Promise.all([runtime.stats(uid), runtime.layers(uid)]);
      return { seen, uid, stats, folders: storageFolders(seen, layers, logDir) };
    }),
  );
  const onDisk = resource === 'ephemeral-storage' || resource === 'inodes';
  const folders = onDisk ? measured.flatMap((each) => allFolders(each.folders)) : [];
  const sizes = await measureFolders(folders, resource === 'inodes' ? 'inodes' : 'bytes');
  return measured.map(({ seen, uid, stats, folders }) => {
    const use = storageUse(folders, sizes);
    const sum = (field: 'workingSetBytes' | 'pids') => stats.reduce((whole, each) => whole + each[field], 0);
    return {
      uid,
      pod: seen.pod!,
      memoryBytes: sum('workingSetBytes'),
      processes: sum('pids'),
      diskBytes: resource === 'ephemeral-storage' ? use.total : 0,
      inodes: resource === 'inodes' ? use.total : 0,
      containers: stats.map(({ name, workingSetBytes }) => ({
        name,
        memoryBytes: workingSetBytes,
        diskBytes: use.containers.get(name) ?? 0,
      })),
    };
  });
}
