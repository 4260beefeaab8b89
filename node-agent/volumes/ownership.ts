/** Gives a volume to the pod's fsGroup, as upstream's `pkg/volume/volume_linux.go`. */
import { chmod, lchown, lstat, readdir } from 'node:fs/promises';
import path from 'node:path';

const groupReadWrite = 0o660;
/** Folders: members may enter, and what is made inside belongs to the group too. */
const groupFolder = 0o2110;

/** Changes group and mode of everything at and below `root`; symbolic links keep their modes. */
export async function giveToGroup(root: string, fsGroup: number, policy: 'Always' | 'OnRootMismatch'): Promise<void> {
  const { gid, mode } = await lstat(root);
  const wanted = groupReadWrite | groupFolder;
  if (policy === 'OnRootMismatch' && gid === fsGroup && (mode & wanted) === wanted) return;
  await giveBelow(root, fsGroup);
  await give(root, fsGroup);
}

async function giveBelow(folder: string, fsGroup: number): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const item = path.join(folder, entry.name);
    if (entry.isDirectory()) await giveBelow(item, fsGroup);
    await give(item, fsGroup);
  }
}

async function give(item: string, fsGroup: number): Promise<void> {
  const stats = await lstat(item);
  await lchown(item, stats.uid, fsGroup);
  if (stats.isSymbolicLink()) return;
  await chmod(item, (stats.mode & 0o7777) | groupReadWrite | (stats.isDirectory() ? groupFolder : 0));
}
