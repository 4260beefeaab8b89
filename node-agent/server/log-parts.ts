/**
 * The files that one log is in: those that rotation has put aside, as `0.log.<stamp>`, and after them the one being written, `0.log`. Rotation
 * goes on while the log is read, so a part is known by its inode, never by its name.
 */
import { open, readdir, stat } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import path from 'node:path';

/** Opens the part after (1) or before (-1) an open one; undefined when there is none, and for what came before a part that has been removed. */
export async function neighbour(file: string, handle: FileHandle, step: 1 | -1): Promise<FileHandle | undefined> {
  for (let tries = 0; tries < mostTries; tries++) {
    const { ino, nlink } = await handle.stat();
    // The common case, without a look at the folder: what is being written has nothing after it.
    if (step > 0 && (await stat(file).catch(ifMissing))?.ino === ino) return undefined;
    const parts = await listParts(file);
    const mine = parts.findIndex((part) => part.ino === ino);
    // Put aside while the folder was read: the next look finds it under its new name.
    if (mine < 0 && nlink > 0) continue;
    // The oldest part is removed first, so whatever is left came after it.
    const wanted = mine < 0 && step < 0 ? undefined : parts[mine < 0 ? 0 : mine + step];
    if (!wanted) return undefined;
    const opened = await open(wanted.name, 'r').catch(ifMissing);
    if (opened && (await opened.stat()).ino === wanted.ino) return opened;
    await opened?.close();
  }
  throw new Error(`Cannot read log ${file}: its parts change faster than they can be listed`);
}

/** Far more rotations than there can be during one look at a folder. */
const mostTries = 20;

/** The parts from the oldest to the one being written. */
async function listParts(file: string): Promise<{ name: string; ino: number }[]> {
  const folder = path.dirname(file);
  const current = path.basename(file);
  const names = (await readdir(folder).catch(ifMissing)) ?? [];
  const aside = names.filter((name) => name.startsWith(`${current}.`)).toSorted((a, b) => (a < b ? -1 : 1));
  const parts = await Promise.all(
    [...aside, current].map(async (name) => {
      const full = path.join(folder, name);
      const stats = await stat(full).catch(ifMissing);
      return stats ? [{ name: full, ino: stats.ino }] : [];
    }),
  );
  return parts.flat();
}

function ifMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}
