/** Which layers the kernel has mounted now, in any process's mount namespace: the last word on whether an image is in use. */
import { readdir, readFile, readlink } from 'node:fs/promises';
import path from 'node:path';
import { ignoreMissing } from './store.ts';

/** Full paths of layer folders. Reads one process of each mount namespace. */
export async function mountedLayers(layersFolder: string): Promise<Set<string>> {
  const found = new Set<string>();
  const seen = new Set<string>();
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    const namespace = await readlink(`/proc/${pid}/ns/mnt`).catch(ignoreGone);
    if (namespace === undefined || seen.has(namespace)) continue;
    const mounts = await readFile(`/proc/${pid}/mountinfo`, 'utf8').catch(ignoreGone);
    if (mounts === undefined) continue;
    seen.add(namespace);
    for (const line of mounts.split('\n')) {
      if (!line.includes(' - overlay ')) continue;
      // A layer's name is half of a digest: unique wherever it stands, whole path or relative.
      for (const [name] of line.matchAll(/(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])/g))
        found.add(path.join(layersFolder, name));
    }
  }
  return found;
}

/** A process may end while we look at it, which the kernel tells in two ways; and one with more privileges than ours is none that runs our containers. */
function ignoreGone(error: unknown): undefined {
  if (error instanceof Error && 'code' in error && ['ESRCH', 'EINVAL', 'EACCES', 'EPERM'].includes(String(error.code)))
    return undefined;
  return ignoreMissing(error);
}
