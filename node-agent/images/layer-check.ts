/** Whether the files of an extracted layer are still those that were extracted. */
import { stat } from 'node:fs/promises';
import type { Stats } from 'node:fs';
import { runCommand } from '#lib/env/command.ts';
import { ignoreMissing, layerPath } from './store.ts';
import type { Folders, LayerRecord } from './store.ts';

/**
 * Names, kinds, modes, owners, sizes, times and targets of all files; of a folder its size says nothing. The status of `find` is part of what
 * is summed, so a folder that cannot be read is like no other.
 */
const script =
  String.raw`{ find "$1" -mindepth 1 \( -type d -printf '%P\t%m %U %G\0' \) -o -printf '%P\t%y %m %U %G %s %T@ %l\0'; echo "$?"; }` +
  ' | LC_ALL=C sort -z | sha256sum';
const limitMs = 10 * 60 * 1000;

/** What each store's folders looked like when all below them was as it should be. */
const checked = new WeakMap<Folders, Map<string, string>>();

/** One sum over all that the layer's folder holds but the bytes in its files. */
export async function takeCensus(folder: string): Promise<string> {
  const { exitCode, stdout, stderr } = await runCommand('sh', ['-c', script, 'sh', folder], '', limitMs);
  if (exitCode !== 0) throw new Error(`Cannot read layer ${folder}: ${stderr.trim()}`);
  return stdout.slice(0, 64);
}

/**
 * Whether the layer is here as it was recorded. All of it is looked through once; after that, and after markIntact(), the folder's own state
 * tells, until forgetChecks().
 */
export async function isIntact(folders: Folders, record: LayerRecord): Promise<boolean> {
  const folder = layerPath(folders, record.diffId);
  const found = await stat(folder).catch(ignoreMissing);
  if (!found?.isDirectory()) return false;
  if (seenIn(folders).get(folder) === identity(found)) return true;
  if ((await takeCensus(folder)) !== record.census) return false;
  seenIn(folders).set(folder, identity(found));
  return true;
}

/** Notes that the layer has just been put in place whole. */
export async function markIntact(folders: Folders, diffId: string): Promise<void> {
  const folder = layerPath(folders, diffId);
  seenIn(folders).set(folder, identity(await stat(folder)));
}

/** Has all layers looked through anew, each when it is next used: a change deep in a folder does not show at its top. */
export function forgetChecks(folders: Folders): void {
  checked.delete(folders);
}

function seenIn(folders: Folders): Map<string, string> {
  let seen = checked.get(folders);
  if (!seen) checked.set(folders, (seen = new Map()));
  return seen;
}

function identity({ dev, ino, ctimeMs }: Stats): string {
  return `${dev} ${ino} ${ctimeMs}`;
}
