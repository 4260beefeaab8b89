/** What names stand for, and what images consist of: changed only while holding the store's lock. */
import { readdir, rm, stat, utimes } from 'node:fs/promises';
import path from 'node:path';
import { findLayer } from './layers.ts';
import { lockPath, imagePath, layerPath, layerRecordPath, blobPath, readRecord, readRecords } from './store.ts';
import { exists, ignoreMissing, referencePath, removeWhole, writeWhole } from './store.ts';
import type { Folders, ImageRecord, ReferenceRecord } from './store.ts';
import { takeLocks } from './lock.ts';

/** An image's use is noted at most this often. */
const touchEveryMs = 60_000;

/** Holds the lock for changes of images/ and refs/ while `run` runs. */
export async function withStoreLock<T>(
  folders: Folders,
  signal: AbortSignal | undefined,
  run: () => Promise<T>,
): Promise<T> {
  const lock = await takeLocks([{ file: lockPath(folders, 'store'), mode: 'exclusive' }], signal);
  try {
    return await run();
  } finally {
    await lock.release();
  }
}

export function findReference(folders: Folders, name: string): Promise<ReferenceRecord | undefined> {
  return readRecord<ReferenceRecord>(referencePath(folders, name));
}

export function allReferences(folders: Folders): Promise<ReferenceRecord[]> {
  return readRecords<ReferenceRecord>(folders.refs);
}

export function findImage(folders: Folders, id: string): Promise<ImageRecord | undefined> {
  return readRecord<ImageRecord>(imagePath(folders, id));
}

export function allImages(folders: Folders): Promise<ImageRecord[]> {
  return readRecords<ImageRecord>(folders.images);
}

/** When the image was last used, in milliseconds since the epoch; 0 when it is gone. */
export async function lastUsedAt(folders: Folders, id: string): Promise<number> {
  const found = await stat(imagePath(folders, id)).catch(ignoreMissing);
  return found ? Math.floor(found.mtimeMs) : 0;
}

export async function noteUse(folders: Folders, id: string, nowMs: number): Promise<void> {
  if (nowMs - (await lastUsedAt(folders, id)) < touchEveryMs) return;
  await utimes(imagePath(folders, id), nowMs / 1000, nowMs / 1000).catch(ignoreMissing);
}

/**
 * Records an image and its names. Resolves to false, having done nothing, when one of its layers or blobs has been removed meanwhile: fetch
 * what is missing and come again.
 */
export function commitImage(
  folders: Folders,
  image: ImageRecord,
  references: readonly ReferenceRecord[],
  uuid: () => string,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  return withStoreLock(folders, signal, async () => {
    for (const { diffId } of image.layers) if (!(await findLayer(folders, diffId))) return false;
    for (const blob of image.blobs) if (!(await exists(blobPath(folders, blob)))) return false;
    const before = await findImage(folders, image.id);
    // Two manifests may hold the same image, differently compressed; the blobs of both are in use.
    const blobs = [...new Set([...image.blobs, ...(before?.blobs ?? [])])].sort();
    const record: ImageRecord = { ...image, blobs };
    await writeWhole(folders, imagePath(folders, image.id), JSON.stringify(record), uuid());
    for (const reference of references)
      await writeWhole(folders, referencePath(folders, reference.name), JSON.stringify(reference), uuid());
    return true;
  });
}

/** Removes names; then images that lost their last name through it, and blobs and layers that no image has any more. */
export async function dropReferences(
  folders: Folders,
  gone: readonly ReferenceRecord[],
  id: string,
  uuid: () => string,
): Promise<void> {
  for (const { name } of gone) await removeWhole(folders, referencePath(folders, name), uuid());
  if ((await allReferences(folders)).some((reference) => reference.id === id)) return;
  const image = await findImage(folders, id);
  if (!image) return;
  await removeWhole(folders, imagePath(folders, id), uuid());
  const others = await allImages(folders);
  const blobs = new Set(others.flatMap((other) => other.blobs));
  const layers = new Set(others.flatMap((other) => other.layers.map(({ diffId }) => diffId)));
  for (const blob of image.blobs) if (!blobs.has(blob)) await removeWhole(folders, blobPath(folders, blob), uuid());
  for (const { diffId } of image.layers) {
    if (layers.has(diffId)) continue;
    // The record first: a folder without one is a leftover.
    await removeWhole(folders, layerRecordPath(folders, diffId), uuid());
    await removeWhole(folders, layerPath(folders, diffId), uuid());
  }
}

/** Removes records that cannot be read; resolves with their files. */
export async function dropSpoiled(folders: Folders): Promise<string[]> {
  const spoiled: string[] = [];
  for (const folder of [folders.images, folders.refs, folders.layers])
    for (const name of (await readdir(folder)).filter((one) => one.endsWith('.json'))) {
      const file = path.join(folder, name);
      if ((await readRecord(file)) !== undefined) continue;
      await rm(file, { force: true });
      spoiled.push(file);
    }
  return spoiled;
}

/**
 * Removes blobs and layers that belong to no image, are not mounted, and are older than `beforeMs`; the caller knows that nobody brings images
 * now.
 */
export async function dropOrphans(
  folders: Folders,
  mounted: ReadonlySet<string>,
  beforeMs: number,
  uuid: () => string,
): Promise<number> {
  const images = await allImages(folders);
  const wanted = new Set([
    ...images.flatMap((image) => image.blobs.map((blob) => blobPath(folders, blob))),
    ...images.flatMap((image) =>
      image.layers.flatMap(({ diffId }) => [layerPath(folders, diffId), layerRecordPath(folders, diffId)]),
    ),
  ]);
  let removed = 0;
  for (const folder of [folders.blobs, folders.layers]) {
    // Records sort after their folders; in reverse they go first.
    for (const name of (await readdir(folder)).sort().toReversed()) {
      const file = path.join(folder, name);
      if (wanted.has(file) || mounted.has(file.replace(/\.json$/, ''))) continue;
      const { ctimeMs } = await stat(file);
      if (ctimeMs >= beforeMs) continue;
      await removeWhole(folders, file, uuid());
      removed += 1;
    }
  }
  return removed;
}
