/** Which folders of a pod count as its ephemeral storage: upstream's, in this node's places. */
import type { Volume } from '#lib/kinds/gen/core-v1.ts';
import { podLogDir } from '../lifecycle/log-files.ts';
import type { Seen } from '../lifecycle/types.ts';
import type { Layer } from '../runtime/types.ts';

export interface StorageFolders {
  /** By container: its writable layer, and the folder of its logs. As upstream, of those that run. */
  containers: ReadonlyMap<string, { layer: string; logs: string }>;
  /** By volume: those on the node's disk. What is in memory counts as memory. */
  volumes: ReadonlyMap<string, string>;
}

/** The folders of a pod. */
export function storageFolders(
  { pod, observed, notes }: Seen,
  layers: readonly Layer[],
  logDir: string,
): StorageFolders {
  const running = new Set(observed?.containers.filter(({ state }) => state === 'running').map(({ id }) => id));
  const onDisk = (pod?.spec.volumes ?? []).flatMap((volume) => {
    const folder = notes.volumes?.[volume.name];
    return folder !== undefined && countsAsStorage(volume) ? [[volume.name, folder] as const] : [];
  });
  const logs = pod ? podLogDir(logDir, pod) : '';
  return {
    containers: new Map(
      layers
        .filter(({ id }) => running.has(id))
        .map(({ name, folder }) => [name, { layer: folder, logs: `${logs}/${name}` }]),
    ),
    volumes: new Map(onDisk),
  };
}

/** Whether what is in a volume is on the node's disk for the pod's sake. */
export function countsAsStorage({ emptyDir, configMap }: Volume): boolean {
  return configMap !== undefined || (emptyDir !== undefined && emptyDir.medium !== 'Memory');
}

/** All of them, for measuring. */
export function allFolders({ containers, volumes }: StorageFolders): string[] {
  return [...[...containers.values()].flatMap(({ layer, logs }) => [layer, logs]), ...volumes.values()];
}

/** What a pod has on the disk, in bytes or inodes. */
export interface StorageUse {
  containers: ReadonlyMap<string, number>;
  volumes: ReadonlyMap<string, number>;
  total: number;
}

/** Puts together what was measured of the folders. */
export function storageUse({ containers, volumes }: StorageFolders, sizes: ReadonlyMap<string, number>): StorageUse {
  const sum = (folders: readonly string[]) => folders.reduce((whole, folder) => whole + (sizes.get(folder) ?? 0), 0);
  const ofContainers = new Map([...containers].map(([name, { layer, logs }]) => [name, sum([layer, logs])]));
  const ofVolumes = new Map([...volumes].map(([name, folder]) => [name, sum([folder])]));
  const total = [...ofContainers.values(), ...ofVolumes.values()].reduce((whole, each) => whole + each, 0);
  return { containers: ofContainers, volumes: ofVolumes, total };
}
