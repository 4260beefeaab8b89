/**
 * Gives a volume to the pod's fsGroup, as upstream's `pkg/volume/volume_linux.go`. Another pod may have the same volume and move things about
 * meanwhile: nothing outside is touched.
 */
import type { Stats } from 'node:fs';
import { chmod, chown, lchown, lstat, readdir } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { nameIn, openIn, openRoot, pathOf } from './open-place.ts';

const groupReadWrite = 0o660;
/** Folders: members may enter, and what is made inside belongs to the group too. */
const groupFolder = 0o2110;
/** Each level holds a file open. */
const deepest = 500;

/** Changes group and mode of everything at and below `root`; symbolic links keep their modes. Rejects for folders nested beyond any sense. */
export async function giveToGroup(root: string, fsGroup: number, policy: 'Always' | 'OnRootMismatch'): Promise<void> {
  const place = await openRoot(root);
  try {
    const stats = await place.stat();
    if (policy === 'OnRootMismatch' && isGiven(stats, fsGroup)) return;
    await giveBelow(place, fsGroup, 1);
    // Last, as it tells the next time that all is done.
    await give(place, stats, fsGroup);
  } finally {
    await place.close();
  }
}

async function giveBelow(folder: FileHandle, fsGroup: number, depth: number): Promise<void> {
  if (depth > deepest) throw new Error(`folders are nested deeper than ${deepest} levels`);
  for (const name of await readdir(pathOf(folder))) {
    // Most have been given before; whatever is to be done is decided anew of what is open.
    const seen = await lstat(nameIn(folder, name)).catch(ifGone);
    if (!seen || (!seen.isDirectory() && isGiven(seen, fsGroup))) continue;
    const item = await openIn(folder, name).catch(ifGone);
    if (!item) continue;
    try {
      const stats = await item.stat();
      if (stats.isSymbolicLink()) await lchown(nameIn(folder, name), stats.uid, fsGroup).catch(ifGone);
      else {
        if (stats.isDirectory()) await giveBelow(item, fsGroup, depth + 1);
        await give(item, stats, fsGroup);
      }
    } finally {
      await item.close();
    }
  }
}

async function give(item: FileHandle, stats: Stats, fsGroup: number): Promise<void> {
  if (isGiven(stats, fsGroup)) return;
  await chown(pathOf(item), stats.uid, fsGroup);
  await chmod(pathOf(item), (stats.mode & 0o7777) | modeOf(stats));
}

/** The bits that the group needs. */
function modeOf(stats: Stats): number {
  return groupReadWrite | (stats.isDirectory() ? groupFolder : 0);
}

/** Links have modes that mean nothing. */
function isGiven(stats: Stats, fsGroup: number): boolean {
  return stats.gid === fsGroup && (stats.isSymbolicLink() || (stats.mode & modeOf(stats)) === modeOf(stats));
}

/** What is removed meanwhile needs no group. */
function ifGone(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}
