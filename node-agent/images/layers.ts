/** Extracted layers: each once, whole or not at all. */
import { execFile } from 'node:child_process';
import { mkdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { extractLayer } from './extract.ts';
import { takeLocks } from './lock.ts';
import { blobPath, layerPath, layerRecordPath, lockPath, readRecord, removeWhole, writeWhole } from './store.ts';
import type { Folders, ImageRecord, LayerRecord } from './store.ts';

const execute = promisify(execFile);

/** The layer's record when it is here and complete. */
export async function findLayer(folders: Folders, diffId: string): Promise<LayerRecord | undefined> {
  const record = await readRecord<LayerRecord>(layerRecordPath(folders, diffId));
  return record && record.diffId === diffId ? record : undefined;
}

/**
 * Extracts a blob that must unpack to `diffId`. The record is written after the files have reached the disk, so a folder without a record is
 * a leftover, even after a power cut, and is replaced. When another process was quicker, its work counts. Rejects leaving nothing; a blob that does not
 * unpack to what its config says is removed as well, so that the next try fetches it anew.
 */
export async function addLayer(
  folders: Folders,
  layer: { diffId: string; blob: string },
  uuid: () => string,
  signal: AbortSignal,
): Promise<void> {
  const draft = path.join(folders.tmp, uuid());
  await mkdir(draft, { mode: 0o755 });
  try {
    const extracted = await extractLayer(blobPath(folders, layer.blob), draft, signal);
    if (extracted.diffId !== layer.diffId) {
      await rm(blobPath(folders, layer.blob), { force: true });
      throw new Error(`wrong diff id calculated on extraction "${extracted.diffId}"`);
    }
    await execute('sync', ['--file-system', draft]);
    const lock = await takeLocks([{ file: lockPath(folders, 'store'), mode: 'exclusive' }], signal);
    try {
      if (await findLayer(folders, layer.diffId)) return;
      await removeWhole(folders, layerPath(folders, layer.diffId), uuid());
      await rename(draft, layerPath(folders, layer.diffId));
      const record: LayerRecord = { diffId: layer.diffId, isOpaque: extracted.isOpaque };
      await writeWhole(folders, layerRecordPath(folders, layer.diffId), JSON.stringify(record), uuid());
    } finally {
      await lock.release();
    }
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

/** The image's folders for overlayfs, topmost first: without repeated layers, and without what an opaque layer hides. */
export async function lowerFolders(folders: Folders, image: ImageRecord): Promise<string[]> {
  const found: string[] = [];
  const seen = new Set<string>();
  for (const { diffId } of image.layers.toReversed()) {
    if (seen.has(diffId)) continue;
    seen.add(diffId);
    const record = await findLayer(folders, diffId);
    if (!record) throw new Error(`Cannot use image ${image.id}: layer ${diffId} is missing`);
    found.push(layerPath(folders, diffId));
    if (record.isOpaque) break;
  }
  return found;
}
