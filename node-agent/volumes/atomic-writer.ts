/**
 * Writes a payload so that a reader sees all of the old or all of the new: files live in a folder of their own that `..data` points to, and
 * the names users see point through it (upstream's `pkg/volume/util/atomic_writer.go`).
 */
import {
  chmod,
  chown,
  lchown,
  lstat,
  mkdir,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import path from 'node:path';
import type { Payload } from './payload.ts';

const dataName = '..data';
const nextName = '..data_tmp';

export interface WriteOptions {
  /** Group that owns everything; its members may read. */
  fsGroup?: number | undefined;
  /** Makes the name of the new folder unique. */
  stamp: string;
}

/** Brings the folder to the payload. Does nothing when it is there already; survives being cut short anywhere. */
export async function writePayload(folder: string, payload: Payload, { fsGroup, stamp }: WriteOptions): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o777 });
  await chmod(folder, fsGroup === undefined ? 0o777 : 0o2777);
  if (fsGroup !== undefined) await chown(folder, 0, fsGroup);
  const current = await readlink(path.join(folder, dataName)).catch(ifMissing(undefined));
  if (current === undefined || !(await holds(path.join(folder, current), payload))) {
    const name = `..${stamp}`;
    await writeFolder(path.join(folder, name), payload, fsGroup);
    await rm(path.join(folder, nextName), { force: true });
    await symlink(name, path.join(folder, nextName));
    if (fsGroup !== undefined) await lchown(path.join(folder, nextName), 0, fsGroup);
    await rename(path.join(folder, nextName), path.join(folder, dataName));
  }
  await tidy(folder, payload);
}

async function writeFolder(folder: string, payload: Payload, fsGroup: number | undefined): Promise<void> {
  await makeFolder(folder, fsGroup);
  for (const [name, { data, mode, owner }] of payload) {
    const file = path.join(folder, name);
    for (const parent of parentsOf(name)) await makeFolder(path.join(folder, parent), fsGroup);
    await writeFile(file, data, { mode: 0o600 });
    if (owner !== undefined || fsGroup !== undefined) await chown(file, owner ?? 0, fsGroup ?? 0);
    await chmod(file, fsGroup === undefined ? mode : mode | 0o440);
  }
}

async function makeFolder(folder: string, fsGroup: number | undefined): Promise<void> {
  await mkdir(folder, { recursive: true });
  await chmod(folder, fsGroup === undefined ? 0o755 : 0o2775);
  if (fsGroup !== undefined) await chown(folder, 0, fsGroup);
}

/**
 * Makes the names users see, and removes those of an older payload and the folders `..data` has left. What others have put there stays: mount
 * points of what is mounted within the volume, and folders that a subPath asked for.
 */
async function tidy(folder: string, payload: Payload): Promise<void> {
  const current = await readlink(path.join(folder, dataName));
  const wanted = new Set([...payload.keys()].map((name) => name.split('/')[0]!));
  for (const name of wanted) {
    const target = path.join(dataName, name);
    const existing = await linkAt(path.join(folder, name));
    if (existing === target || existing === 'no link') continue;
    if (existing !== undefined) await rm(path.join(folder, name), { force: true });
    await symlink(target, path.join(folder, name));
  }
  for (const name of await readdir(folder)) {
    if (name === dataName || name === current || wanted.has(name)) continue;
    const isOurs = name.startsWith('..') || (await linkAt(path.join(folder, name)))?.startsWith(`${dataName}/`);
    if (isOurs) await rm(path.join(folder, name), { recursive: true, force: true });
  }
}

/** What a link leads to; undefined when nothing is there. */
async function linkAt(file: string): Promise<string | undefined> {
  return readlink(file).catch((error: NodeJS.ErrnoException) =>
    error.code === 'EINVAL' ? 'no link' : ifMissing(undefined)(error),
  );
}

/** Whether a folder holds exactly this payload. */
async function holds(folder: string, payload: Payload): Promise<boolean> {
  const files = await filesBelow(folder, '').catch(ifMissing(undefined));
  if (files?.length !== payload.size) return false;
  for (const name of files) {
    const wanted = payload.get(name);
    if (!wanted) return false;
    const file = path.join(folder, name);
    const { mode, uid } = await lstat(file);
    const sameMode = (mode & 0o777 & ~0o440) === (wanted.mode & ~0o440) && uid === (wanted.owner ?? 0);
    if (!sameMode || !(await readFile(file)).equals(wanted.data)) return false;
  }
  return true;
}

async function filesBelow(root: string, below: string): Promise<string[]> {
  const entries = await readdir(path.join(root, below), { withFileTypes: true });
  const lists = await Promise.all(
    entries.map((entry) => {
      const name = path.join(below, entry.name);
      return entry.isDirectory() ? filesBelow(root, name) : Promise.resolve([name]);
    }),
  );
  return lists.flat();
}

function parentsOf(name: string): string[] {
  const parts = name.split('/').slice(0, -1);
  return parts.map((_, i) => parts.slice(0, i + 1).join('/'));
}

function ifMissing<T>(value: T): (error: NodeJS.ErrnoException) => T {
  return (error) => {
    if (error.code === 'ENOENT' || error.code === 'EINVAL') return value;
    throw error;
  };
}
