/** Clears what crashes left behind, when nobody is bringing images. */
import { readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import type { Env } from '#lib/env/env.ts';
import { tryLock } from './lock.ts';
import { mountedLayers } from './mounted.ts';
import { dropStalePartials } from './partials.ts';
import { dropOrphans, dropSpoiled, withStoreLock } from './records.ts';
import { lockPath, makeFolders } from './store.ts';
import type { Folders } from './store.ts';

/** Verified blobs of an interrupted pull are kept this long, so that the next try need not fetch them again. */
const orphanAgeMs = 60 * 60 * 1000;

/** Makes the folders and sweeps them; leaves it to a later start when another process is at work. */
export async function openStore(folders: Folders, env: Env): Promise<void> {
  await makeFolders(folders);
  const activity = lockPath(folders, 'activity');
  const lock = await tryLock({ file: activity, mode: 'exclusive' });
  if (!lock) return;
  try {
    await withStoreLock(folders, undefined, async () => {
      const mounted = await mountedLayers(folders.layers);
      const isMounted = (name: string) => mounted.has(path.join(folders.layers, name.slice(0, 32)));
      const leftovers = (await readdir(folders.tmp)).filter((name) => !isMounted(name));
      for (const name of leftovers) await rm(path.join(folders.tmp, name), { recursive: true, force: true });
      const spoiled = await dropSpoiled(folders);
      if (spoiled.length > 0)
        env.log.warn('Spoiled records in the image store; images they told of are gone', { spoiled });
      await dropStalePartials(folders, env.now());
      const orphans = await dropOrphans(folders, mounted, env.now() - orphanAgeMs, env.uuid);
      if (leftovers.length + orphans > 0)
        env.log.info('Swept the image store', { leftovers: leftovers.length, orphans });
    });
    // Locks of single images: whoever holds one also holds `activity`.
    for (const name of await readdir(folders.locks))
      if (name !== 'activity' && name !== 'store') await rm(path.join(folders.locks, name), { force: true });
  } finally {
    await lock.release();
  }
}
