/** How much the store's disk still takes: no image may fill it to the last byte. */
import { stat, statfs } from 'node:fs/promises';
import { partialBytes } from './partials.ts';
import { blobPath, ignoreMissing } from './store.ts';
import type { Folders } from './store.ts';

/** Left free for everything else on the disk, in percent of it. */
const keptPercent = 2;

/** What may still be written below `folder`. */
export async function roomIn(folder: string): Promise<{ bytes: number; files: number }> {
  const { blocks, bavail, bsize, files, ffree } = await statfs(folder);
  return {
    bytes: Math.max(0, Math.floor(bavail - (blocks * keptPercent) / 100) * bsize),
    // File systems that make inodes as they go tell of none.
    files: files === 0 ? Infinity : Math.max(0, Math.floor(ffree - (files * keptPercent) / 100)),
  };
}

/** Throws when the disk cannot hold those of these blobs that are not here. */
export async function roomFor(
  folders: Folders,
  blobs: readonly { digest: string; sizeBytes: number }[],
): Promise<void> {
  const missing = await Promise.all(
    blobs.map(async ({ digest, sizeBytes }) =>
      (await stat(blobPath(folders, digest)).catch(ignoreMissing)) === undefined
        ? Math.max(0, sizeBytes - (await partialBytes(folders, digest)))
        : 0,
    ),
  );
  const needed = missing.reduce((all, bytes) => all + bytes, 0);
  const { bytes } = await roomIn(folders.root);
  if (needed > bytes) throw new Error(`no space left on device: ${needed} bytes are needed, and ${bytes} may be used`);
}
