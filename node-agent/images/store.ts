/**
 * The store on disk. Everything appears by a rename, so that any process may die at any line and several may share the folder:
 *
 *     blobs/sha256/<hex>   manifests, configs and layers as the registry has them, verified
 *     layers/<key>         one extracted layer, ready as an overlayfs lower folder; <key>.json beside it says that it is complete
 *     images/<hex>.json    what the image with this id consists of; its mtime is when it was last used
 *     refs/<key>.json      a name and the image it stands for
 *     locks/               see lock.ts: `activity` is held shared by all who bring images, `store` for changes of images/ and refs/
 *     partial/<hex>        the beginning of a blob whose download was cut short
 *     tmp/                 what is being made; swept when nobody holds `activity`
 */
import { createHash } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import type { ImageConfig } from './types.ts';

/** images/<hex>.json */
export interface ImageRecord {
  id: string;
  config: ImageConfig;
  /** Bottom first. */
  layers: { diffId: string; blob: string }[];
  /** All blobs that it needs, manifests included. */
  blobs: string[];
  sizeBytes: number;
}

/** refs/<key>.json */
export interface ReferenceRecord {
  name: string;
  id: string;
  /** The manifest or index that the name stands for. */
  manifest: string;
}

/** layers/<key>.json */
export interface LayerRecord {
  diffId: string;
  isOpaque: boolean;
  /** What takeCensus() said of it. */
  census: string;
}

export interface Folders {
  root: string;
  blobs: string;
  layers: string;
  images: string;
  refs: string;
  locks: string;
  partial: string;
  tmp: string;
}

export function foldersIn(dir: string): Folders {
  const at = (name: string) => path.join(dir, name);
  return {
    root: dir,
    blobs: at('blobs/sha256'),
    layers: at('layers'),
    images: at('images'),
    refs: at('refs'),
    locks: at('locks'),
    partial: at('partial'),
    tmp: at('tmp'),
  };
}

/** Closed to others than root: layers hold setuid programs. */
export async function makeFolders(folders: Folders): Promise<void> {
  for (const folder of Object.values<string>({ ...folders })) await mkdir(folder, { recursive: true, mode: 0o700 });
}

export const blobPath = (folders: Folders, digest: string): string => path.join(folders.blobs, hexOf(digest));
export const imagePath = (folders: Folders, id: string): string => path.join(folders.images, `${hexOf(id)}.json`);
export const referencePath = (folders: Folders, name: string): string =>
  path.join(folders.refs, `${shortHash(name)}.json`);
export const lockPath = (folders: Folders, name: string): string => path.join(folders.locks, name);
export const imageLockName = (name: string): string => shortHash(name);

/** Half a digest: overlayfs takes one page of mount options, and many layers must fit into it. */
export const layerPath = (folders: Folders, diffId: string): string =>
  path.join(folders.layers, hexOf(diffId).slice(0, 32));
export const layerRecordPath = (folders: Folders, diffId: string): string => `${layerPath(folders, diffId)}.json`;

/** Where a damaged layer goes that is still mounted; the first 32 characters of the name are the layer's. */
export const asidePath = (folders: Folders, diffId: string, uuid: string): string =>
  path.join(folders.tmp, `${hexOf(diffId).slice(0, 32)}.${uuid}`);

export function hexOf(digest: string): string {
  const hex = digest.startsWith('sha256:') ? digest.slice(7) : '';
  if (!/^[a-f0-9]{64}$/.test(hex)) throw new Error(`unsupported digest "${digest}"`);
  return hex;
}

export function sha256(data: Buffer | string): string {
  return `sha256:${createHash('sha256').update(data).digest('hex')}`;
}

export async function exists(file: string): Promise<boolean> {
  return (await stat(file).catch(ignoreMissing)) !== undefined;
}

/** The parsed file, or undefined when there is none. A spoiled one counts as none: what it tells of is brought anew. */
export async function readRecord<T>(file: string): Promise<T | undefined> {
  const text = await readFile(file, 'utf8').catch(ignoreMissing);
  try {
    return text === undefined ? undefined : (JSON.parse(text) as T);
  } catch {
    return undefined;
  }
}

/** All records of a folder. One that goes away meanwhile is left out. */
export async function readRecords<T>(folder: string): Promise<T[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.json'));
  const records = await Promise.all(names.map((name) => readRecord<T>(path.join(folder, name))));
  return records.flatMap((record) => (record === undefined ? [] : [record as T]));
}

/** Puts a file in place whole and durable, or not at all. */
export async function writeWhole(folders: Folders, file: string, data: Buffer | string, uuid: string): Promise<void> {
  const draft = path.join(folders.tmp, uuid);
  const handle = await open(draft, 'wx', 0o600);
  try {
    await handle.writeFile(data);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(draft, file);
}

/** Removes a file or folder from sight at once, and from the disk after that. */
export async function removeWhole(folders: Folders, target: string, uuid: string): Promise<void> {
  const dying = path.join(folders.tmp, uuid);
  const moved = await rename(target, dying).then(() => true, ignoreMissing);
  if (moved) await rm(dying, { recursive: true, force: true });
}

export function ignoreMissing(error: unknown): undefined {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
  throw error;
}

function shortHash(text: string): string {
  return sha256(text).slice(7, 39);
}
