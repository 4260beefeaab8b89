/** What is in the volumes of pods, as upstream measures it: of those that are a folder of the node's and not just any. */
import { stat, statfs } from 'node:fs/promises';
import path from 'node:path';
import type { Pod, Volume } from '#lib/kinds/gen/core-v1.ts';
import type { Seen } from '../lifecycle/types.ts';
import { countsAsStorage } from '../storage/folders.ts';
import { claimOf } from '../volumes/claims.ts';
import { showsObjects } from '../volumes/payload.ts';
import type { DiskSpace } from './node-usage.ts';
import type { FolderUse } from './disk-usage.ts';

/** A volume to measure. */
interface MeasuredVolume {
  name: string;
  folder: string;
  /** The claim behind it. */
  claim?: string;
  /** Whether it counts as the pod's ephemeral storage. */
  isEphemeral: boolean;
}

/** What was found: neither of them of a folder that cannot be looked at. */
export interface VolumeUse extends MeasuredVolume {
  /** The file system that it is on. */
  space?: DiskSpace;
  use?: FolderUse;
}

/** The volumes of a pod that there is something to tell of. Devices and paths of the node are nobody's to measure. */
export function volumesOf({ pod, notes }: Pick<Seen, 'pod' | 'notes'>): MeasuredVolume[] {
  return (pod?.spec.volumes ?? []).flatMap((volume) => {
    const folder = notes.volumes?.[volume.name];
    const claim = claimOf(pod!, volume);
    if (folder === undefined || isDevice(pod!, volume.name) || !(claim ?? (volume.emptyDir || showsObjects(volume))))
      return [];
    return [{ name: volume.name, folder, ...(claim !== undefined && { claim }), isEphemeral: countsAsStorage(volume) }];
  });
}

function isDevice({ spec }: Pod, name: Volume['name']): boolean {
  return [...(spec.initContainers ?? []), ...spec.containers].some(({ volumeDevices = [] }) =>
    volumeDevices.some((device) => device.name === name),
  );
}

/** Looks at the file system of a volume; one that has it for itself is measured by that. */
export async function lookAt(volume: MeasuredVolume): Promise<VolumeUse> {
  try {
    const [{ dev }, above, { blocks, bfree, bavail, bsize, files, ffree }] = await Promise.all([
      stat(volume.folder),
      stat(path.dirname(volume.folder)),
      statfs(volume.folder),
    ]);
    const space = { availableBytes: bavail * bsize, capacityBytes: blocks * bsize, inodesFree: ffree, inodes: files };
    const use = { bytes: (blocks - bfree) * bsize, inodes: files - ffree };
    return { ...volume, space, ...(dev !== above.dev && { use }) };
  } catch {
    // What is wrong with it is told by its being without numbers.
    return volume;
  }
}
