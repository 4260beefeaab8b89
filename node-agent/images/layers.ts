/** Extracted layers: each once, whole or not at all. */
import { execFile } from 'node:child_process';
import { mkdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { extractLayer } from './extract.ts';
import { isWhole } from './blobs.ts';
import { isIntact, markIntact, takeCensus } from './layer-check.ts';
import { takeLocks } from './lock.ts';
import { mountedLayers } from './mounted.ts';
import { blobPath, layerPath, layerRecordPath, lockPath, readRecord, removeWhole, writeWhole } from './store.ts';
import { asidePath, exists } from './store.ts';
import type { Folders, ImageRecord, LayerRecord } from './store.ts';

const execute = promisify(execFile);

/** The layer's record when it is here, complete and as it was extracted. */
export async function findLayer(folders: Folders, diffId: string): Promise<LayerRecord | undefined> {
  const record = await readRecord<LayerRecord>(layerRecordPath(folders, diffId));
  return record?.diffId === diffId && (await isIntact(folders, record)) ? record : undefined;
}

/**
 * Extracts a blob that must unpack to `diffId`. The record is written after the files have reached the disk, so a folder without a record is
 * a leftover, even after a power cut, and is replaced. When another process was quicker, its work counts. Rejects leaving nothing; a blob that is
 * spoiled, or does not unpack to what its config says, is removed as well, so that the next try fetches it anew.
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
    const extracted = await extractLayer(blobPath(folders, layer.blob), draft, signal).catch(async (error: unknown) => {
      if (!signal.aborted && !(await isWhole(folders, layer.blob)))
        await rm(blobPath(folders, layer.blob), { force: true });
      throw error;
    });
    if (extracted.diffId !== layer.diffId) {
      await rm(blobPath(folders, layer.blob), { force: true });
      throw new Error(`wrong diff id calculated on extraction "${extracted.diffId}"`);
    }
    const census = await takeCensus(draft);
    await execute('sync', ['--file-system', draft]);
    const lock = await takeLocks([{ file: lockPath(folders, 'store'), mode: 'exclusive' }], signal);
    try {
      if (await findLayer(folders, layer.diffId)) return;
      await setAside(folders, layer.diffId, uuid());
      await rename(draft, layerPath(folders, layer.diffId));
      const record: LayerRecord = { diffId: layer.diffId, isOpaque: extracted.isOpaque, census };
      await writeWhole(folders, layerRecordPath(folders, layer.diffId), JSON.stringify(record), uuid());
      await markIntact(folders, layer.diffId);
    } finally {
      await lock.release();
    }
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

/**
 * Makes room for a layer where a damaged one may be. Containers that run on that one keep what is left of it: a mounted folder is only moved
 * away, for a later sweep.
 */
async function setAside(folders: Folders, diffId: string, uuid: string): Promise<void> {
  const folder = layerPath(folders, diffId);
  if (!(await exists(folder))) return;
  await rm(layerRecordPath(folders, diffId), { force: true });
  if ((await mountedLayers(folders.layers)).has(folder)) await rename(folder, asidePath(folders, diffId, uuid));
  else await removeWhole(folders, folder, uuid);
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
