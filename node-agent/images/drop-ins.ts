/**
 * Images from a folder of tars, for nodes without a registry: what lies there when the node starts is taken in, and what arrives later as soon as
 * it is whole. As with k3s's `agent/images`.
 */
import { watch } from 'node:fs';
import { mkdir, readdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Env } from '#lib/env/env.ts';
import { ignoreMissing } from './store.ts';
import type { Images } from './types.ts';

export interface DropInOptions {
  env: Env;
  images: Pick<Images, 'find' | 'importTar'>;
  /** The folder; made if need be. */
  dir: string;
  /** Where it is remembered what has been taken in, so that a start need not read it all again. */
  memory: string;
  /** A file is taken for whole when it has not changed for this long. */
  settledMs?: number;
}

/** What was taken in of a file. */
interface Taken {
  /** Size, time and identity of the file then. */
  state: string;
  /** Names or ids of the images it brought. */
  images: string[];
}

const usualSettledMs = 1000;
/** Looking for an image counts as its use; at this pace none of these ever looks unused for long enough to be collected. */
const lookEachMs = 45_000;
const tarName = /\.(?:tar|tgz|tzst|tar\.gz|tar\.zst)$/;

/**
 * Follows the folder until aborted. A file that cannot be read is told of in the log, and tried again when it changes. A folder that
 * cannot be watched is looked at now and then. Rejects when it cannot be made.
 */
export async function followDropIns(options: DropInOptions, signal: AbortSignal): Promise<void> {
  const { env, dir, settledMs = usualSettledMs } = options;
  await mkdir(dir, { recursive: true, mode: 0o755 });
  let rung = new AbortController();
  const stop = watchFolder(dir, env, () => rung.abort());
  const memory = await recall(options.memory);
  const failed = new Map<string, string>();
  try {
    while (!signal.aborted) {
      rung = new AbortController();
      const isChanging = await lookOnce(options, memory, failed, signal).catch((error: unknown) => {
        env.log.warn('Cannot look for files of images, trying again later', { dir, error });
        return false;
      });
      // While a file is written, each of its bytes rings.
      const until = isChanging ? signal : AbortSignal.any([signal, rung.signal]);
      await env.sleep(isChanging ? settledMs : lookEachMs, until).catch(() => {});
    }
  } finally {
    stop();
  }
}

/** Takes in what is new and settled. Resolves to whether something is left that still changes. */
async function lookOnce(
  { env, images, dir, memory: memoryFile, settledMs = usualSettledMs }: DropInOptions,
  memory: Map<string, Taken>,
  failed: Map<string, string>,
  signal: AbortSignal,
): Promise<boolean> {
  let isChanging = false;
  const names = (await readdir(dir)).filter((name) => tarName.test(name)).sort();
  for (const name of [...memory.keys()].filter((known) => !names.includes(known))) memory.delete(name);
  for (const name of names) {
    if (signal.aborted) return false;
    const file = path.join(dir, name);
    const found = await stat(file).catch(ignoreMissing);
    if (!found?.isFile()) continue;
    const state = `${found.size} ${found.mtimeMs} ${found.ino}`;
    if (failed.get(name) === state || (await isTaken(memory.get(name), state, images))) continue;
    if (env.now() - found.ctimeMs < settledMs) {
      isChanging = true;
      continue;
    }
    try {
      const brought = await images.importTar(file);
      memory.set(name, { state, images: brought });
      failed.delete(name);
      await remember(memoryFile, memory);
      env.log.info('Took in images from a file', { file, images: brought });
    } catch (error) {
      failed.set(name, state);
      env.log.warn('Cannot take in images from a file; it is tried again when it changes', { file, error });
    }
  }
  return isChanging;
}

/** The file is as it was, and all that it brought is still here. */
async function isTaken(taken: Taken | undefined, state: string, images: DropInOptions['images']): Promise<boolean> {
  if (taken?.state !== state) return false;
  for (const image of taken.images) if ((await images.find(image)) === undefined) return false;
  return true;
}

async function recall(file: string): Promise<Map<string, Taken>> {
  const text = await readFile(file, 'utf8').catch(ignoreMissing);
  try {
    return new Map(Object.entries(JSON.parse(text ?? '{}') as Record<string, Taken>));
  } catch {
    // Nothing is lost: the files are read again.
    return new Map();
  }
}

async function remember(file: string, memory: ReadonlyMap<string, Taken>): Promise<void> {
  await writeFile(`${file}.new`, JSON.stringify(Object.fromEntries(memory)), { mode: 0o600 });
  await rename(`${file}.new`, file);
}

function watchFolder(dir: string, env: Env, ring: () => void): () => void {
  const giveUp = (error: unknown) =>
    env.log.warn('Cannot watch for files of images: what arrives is found a little later', { dir, error });
  try {
    const watcher = watch(dir, { persistent: false }, ring);
    watcher.on('error', giveUp);
    return () => watcher.close();
  } catch (error) {
    giveUp(error);
    return () => {};
  }
}
