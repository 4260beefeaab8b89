/**
 * Downloads that were cut short, kept so that the next try goes on with them: also when the agent was killed meanwhile. A file in `partial/` is named after
 * its blob, and who has the blob's lock writes to it. What it holds is believed only when all of it has the right digest.
 */
import { createHash } from 'node:crypto';
import type { Hash } from 'node:crypto';
import { constants } from 'node:fs';
import { open, readdir, rm, stat } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { draftIn } from './blobs.ts';
import type { BlobDraft } from './blobs.ts';
import { tryLock } from './lock.ts';
import type { Descriptor } from './manifest.ts';
import { hexOf, ignoreMissing, lockPath } from './store.ts';
import type { Folders } from './store.ts';

/** Since the last byte came. */
const keptMs = 60 * 60 * 1000;
const readAtOnceBytes = 1024 * 1024;

const partialPath = (folders: Folders, digest: string) => path.join(folders.partial, hexOf(digest));
const lockOf = (folders: Folders, name: string) => ({
  file: lockPath(folders, `blob-${name}`),
  mode: 'exclusive' as const,
});

/** Goes on with a blob where the last try left it, and leaves it for the next one when given up. Undefined while another process is at it. */
export async function resumeBlob(
  folders: Folders,
  { digest, sizeBytes }: Pick<Descriptor, 'digest' | 'sizeBytes'>,
): Promise<BlobDraft | undefined> {
  const lock = await tryLock(lockOf(folders, hexOf(digest)));
  if (!lock) return undefined;
  const file = partialPath(folders, digest);
  let handle: FileHandle | undefined;
  try {
    handle = await open(file, constants.O_RDWR | constants.O_CREAT, 0o600);
    const beginning = await readBeginning(handle, sizeBytes);
    return draftIn({ file, handle, ...beginning }, folders, digest, {
      givenUp: (writtenBytes) => (writtenBytes === 0 ? rm(file, { force: true }) : Promise.resolve()),
      closed: () => lock.release(),
    });
  } catch (error) {
    await handle?.close();
    await lock.release();
    throw error;
  }
}

/** What is there of a blob that nobody works at, in bytes. */
export async function partialBytes(folders: Folders, digest: string): Promise<number> {
  return (await stat(partialPath(folders, digest)).catch(ignoreMissing))?.size ?? 0;
}

/** Removes what nobody has gone on with for an hour; resolves to how many there were. */
export async function dropStalePartials(folders: Folders, nowMs: number): Promise<number> {
  let removed = 0;
  for (const name of await readdir(folders.partial)) {
    const file = path.join(folders.partial, name);
    const isStale = async () => nowMs - ((await stat(file).catch(ignoreMissing))?.mtimeMs ?? nowMs) > keptMs;
    if (!(await isStale())) continue;
    const lock = await tryLock(lockOf(folders, name));
    if (!lock) continue;
    try {
      if (!(await isStale())) continue;
      await rm(file, { force: true });
      removed += 1;
    } finally {
      await lock.release();
    }
  }
  return removed;
}

/** Reads what is there. More than there can be is of no use. */
async function readBeginning(handle: FileHandle, sizeBytes: number): Promise<{ hash: Hash; writtenBytes: number }> {
  if ((await handle.stat()).size > sizeBytes) await handle.truncate(0);
  const hash = createHash('sha256');
  const buffer = Buffer.alloc(readAtOnceBytes);
  for (let writtenBytes = 0; ;) {
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, writtenBytes);
    if (bytesRead === 0) return { hash, writtenBytes };
    hash.update(buffer.subarray(0, bytesRead));
    writtenBytes += bytesRead;
  }
}
