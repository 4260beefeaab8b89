/**
 * subPath mounts. A pod may have put symbolic links into its volume: they are followed once, to see that they end inside it; then every part
 * of the resolved path is opened without following links, below what was opened before, and what has been reached is bound to a place of
 * ours. So nothing can be swapped in between.
 */
import { constants } from 'node:fs';
import { mkdir, open, realpath } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { bindMount, mountPoints, unmount } from './mounts.ts';

/** Opens for use as a place only: needs no permission and blocks on nothing. */
const asPlace = 0o10000000 | constants.O_NOFOLLOW;

/** Binds `volume/subPath`, made if need be, to `target`; resolves to `target`. */
export async function bindSubPath(volume: string, subPath: string, target: string): Promise<string> {
  const parts = subPath.split('/').filter((part) => part !== '' && part !== '.');
  if (path.isAbsolute(subPath)) throw new Error(`subPath "${subPath}" must not be an absolute path`);
  if (parts.includes('..')) throw new Error(`subPath "${subPath}" must not contain ".."`);
  const place = await openBelow(volume, await resolveInside(volume, parts));
  try {
    const source = `/proc/${process.pid}/fd/${place.fd}`;
    const isFolder = (await place.stat()).isDirectory();
    await makeTarget(target, isFolder);
    if ((await mountPoints()).includes(target)) await unmount(target);
    await bindMount(source, target);
    return target;
  } finally {
    await place.close();
  }
}

/** The parts below the volume's root after following links; the end of the path need not exist yet. */
async function resolveInside(volume: string, parts: readonly string[]): Promise<string[]> {
  const root = await realpath(volume);
  for (let existing = parts.length; existing >= 0; existing--) {
    const resolved = await realpath(path.join(root, ...parts.slice(0, existing))).catch(
      (error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return undefined;
        throw error;
      },
    );
    if (resolved === undefined) continue;
    if (resolved !== root && !resolved.startsWith(`${root}/`)) {
      throw new Error(`subpath "${parts.join('/')}" not within volume path "${volume}"`);
    }
    return [...path.relative(root, resolved).split('/'), ...parts.slice(existing)].filter((part) => part !== '');
  }
  return [...parts];
}

async function makeTarget(target: string, isFolder: boolean): Promise<void> {
  await mkdir(isFolder ? target : path.dirname(target), { recursive: true, mode: 0o750 });
  if (!isFolder) await (await open(target, 'a', 0o640)).close();
}

/** Opens a path below a folder part by part; a symbolic link anywhere is refused, a missing folder is made. */
async function openBelow(volume: string, parts: readonly string[]): Promise<FileHandle> {
  // The root is ours and may itself be reached through links of the node's.
  let place = await open(volume, 0o10000000);
  const mode = (await place.stat()).mode & 0o7777;
  for (const part of parts) {
    const below = `/proc/self/fd/${place.fd}/${part}`;
    try {
      const next = await openOrMake(below, mode);
      const stats = await next.stat();
      if (stats.isSymbolicLink()) {
        await next.close();
        throw new Error(`subPath part "${part}" is a symbolic link`);
      }
      await place.close();
      place = next;
    } catch (error) {
      await place.close();
      throw error;
    }
  }
  return place;
}

async function openOrMake(name: string, mode: number): Promise<FileHandle> {
  try {
    return await open(name, asPlace);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    await mkdir(name, { mode: mode & 0o777 }).catch((failure: NodeJS.ErrnoException) => {
      if (failure.code !== 'EEXIST') throw failure;
    });
    return open(name, asPlace);
  }
}
