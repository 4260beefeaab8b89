/**
 * subPath mounts. A pod may have put symbolic links into its volume: they are followed once, to see that they end inside it; then every part
 * of the resolved path is opened without following links, below what was opened before, and what has been reached is bound to a place of
 * ours. So nothing can be swapped in between.
 */
import { chmod, lstat, mkdir, open, realpath, rmdir, unlink } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { bindMount, mountPoints, unmount } from './mounts.ts';
import { nameIn, openIn, openRoot, pathOf } from './open-place.ts';

/** Binds `volume/subPath`, made if need be, to `target`; resolves to `target`. */
export async function bindSubPath(volume: string, subPath: string, target: string): Promise<string> {
  const parts = subPath.split('/').filter((part) => part !== '' && part !== '.');
  if (path.isAbsolute(subPath)) throw new Error(`subPath "${subPath}" must not be an absolute path`);
  if (parts.includes('..')) throw new Error(`subPath "${subPath}" must not contain ".."`);
  const place = await openBelow(volume, await resolveInside(volume, parts));
  try {
    if ((await mountPoints()).includes(target)) await unmount(target);
    await makeTarget(target, (await place.stat()).isDirectory());
    await bindMount(pathOf(place), target);
    return target;
  } finally {
    await place.close();
  }
}

/** The parts below the volume's root after following links; the end of the path need not exist yet. */
async function resolveInside(volume: string, parts: readonly string[]): Promise<string[]> {
  const root = await realpath(volume);
  for (let existing = parts.length; existing >= 0; existing--) {
    const resolved = await realpath(path.join(root, ...parts.slice(0, existing))).catch(ifMissing);
    if (resolved === undefined) continue;
    if (resolved !== root && !resolved.startsWith(`${root}/`)) {
      throw new Error(`subpath "${parts.join('/')}" not within volume path "${volume}"`);
    }
    return [...path.relative(root, resolved).split('/'), ...parts.slice(existing)].filter((part) => part !== '');
  }
  return [...parts];
}

/** A folder for a folder, a file for anything else; the run before may have found something of the other sort. */
async function makeTarget(target: string, isFolder: boolean): Promise<void> {
  const found = await lstat(target).catch(ifMissing);
  if (found && found.isDirectory() !== isFolder) await (found.isDirectory() ? rmdir(target) : unlink(target));
  await mkdir(isFolder ? target : path.dirname(target), { recursive: true, mode: 0o750 });
  if (!isFolder) await (await open(target, 'a', 0o640)).close();
}

/** Opens a path below a folder part by part; a symbolic link anywhere is refused, a missing folder is made. */
async function openBelow(volume: string, parts: readonly string[]): Promise<FileHandle> {
  let place = await openRoot(volume);
  const mode = (await place.stat()).mode & 0o7777;
  let made = false;
  for (const part of parts) {
    try {
      const next = await openOrMake(place, part, mode);
      made = next.made;
      if ((await next.place.stat()).isSymbolicLink()) {
        await next.place.close();
        throw new Error(`subPath part "${part}" is a symbolic link`);
      }
      await place.close();
      place = next.place;
    } catch (error) {
      await place.close();
      throw error;
    }
  }
  // Making it was subject to our umask; as upstream, what the container sees has the mode of the volume.
  if (made) await chmod(pathOf(place), mode);
  return place;
}

async function openOrMake(
  folder: FileHandle,
  name: string,
  mode: number,
): Promise<{ place: FileHandle; made: boolean }> {
  const found = await openIn(folder, name).catch(ifMissing);
  if (found) return { place: found, made: false };
  const made = await mkdir(nameIn(folder, name), { mode: mode & 0o777 }).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'EEXIST') return false;
      throw error;
    },
  );
  return { place: await openIn(folder, name), made };
}

function ifMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}
