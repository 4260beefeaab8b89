/** Where container logs are: `<namespace>_<pod>_<uid>/<container>/<attempt>.log`, as the kubelet has them. */
import assert from 'node:assert/strict';
import { access, open, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Pod } from '#lib/kinds/gen/core-v1.ts';
import { makeLogFilter } from '../server/cri-log.ts';

/** Of a log that speaks for its container this much counts, as upstream. */
const lastWordsBytes = 2048;
const lastWordsLines = 80;

/** The folder of a pod's logs. */
export function podLogDir(logDir: string, { metadata }: Pick<Pod, 'metadata'>): string {
  return `${logDir}/${metadata.namespace}_${metadata.name}_${metadata.uid}`;
}

/** The log file of one run. */
export function logPath(logDir: string, pod: Pick<Pod, 'metadata'>, container: string, attempt: number): string {
  return `${podLogDir(logDir, pod)}/${container}/${attempt}.log`;
}

/** In a folder of logs whose pod is gone: since when, in milliseconds since the epoch. */
const goneMark = '.gone';

/** The pods that have logs and are not known to be gone, by uid. */
export async function uidsWithLogs(logDir: string): Promise<string[]> {
  const names = await readdir(logDir);
  const uids = names.map(async (name) => {
    const uid = /^[^_]+_[^_]+_([^_]+)$/.exec(name)?.[1];
    const isGone = await access(`${logDir}/${name}/${goneMark}`).then(
      () => true,
      () => false,
    );
    return uid === undefined || isGone ? [] : [uid];
  });
  return (await Promise.all(uids)).flat();
}

/** Removes the log of one run, with what rotation has put aside of it. */
export async function removeLog(file: string): Promise<void> {
  assert(path.isAbsolute(file));
  const folder = path.dirname(file);
  const name = path.basename(file);
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  for (const part of names) {
    if (part === name || part.startsWith(`${name}.`)) await rm(`${folder}/${part}`, { force: true });
  }
}

/** Says of the logs of a pod, of which no more than the uid need be known, that it is gone: they are kept for a while. */
export async function leaveLogs(logDir: string, uid: string, now: number): Promise<void> {
  for (const name of await readdir(logDir)) {
    if (!name.endsWith(`_${uid}`)) continue;
    await writeFile(`${logDir}/${name}/${goneMark}`, String(now));
    // Whoever still watches a container's folder looks again, and finds that nothing will be written there.
    for (const container of await readdir(`${logDir}/${name}`)) {
      await utimes(`${logDir}/${name}/${container}`, now / 1000, now / 1000);
    }
  }
}

/** The folders of logs whose pods are gone, and since when. */
export async function logsLeft(logDir: string): Promise<{ folder: string; uid: string; goneAt: number }[]> {
  const found = (await readdir(logDir)).map(async (name) => {
    const folder = `${logDir}/${name}`;
    const text = await readFile(`${folder}/${goneMark}`, 'utf8').catch(() => undefined);
    // A mark that was being written when the machine fell counts as an old one.
    return text === undefined
      ? []
      : [{ folder, uid: name.slice(name.lastIndexOf('_') + 1), goneAt: Number(text) || 0 }];
  });
  return (await Promise.all(found)).flat();
}

/** The end of a log's text; '' for one that is gone. */
export async function readLastWords(file: string): Promise<string> {
  const handle = await open(file, 'r').catch(() => undefined);
  if (!handle) return '';
  try {
    const { size } = await handle.stat();
    // Each line of the file has some sixty bytes before its text.
    const from = Math.max(0, size - 4 * lastWordsBytes - 100 * lastWordsLines);
    const block = Buffer.alloc(size - from);
    const { bytesRead } = await handle.read(block, 0, block.length, from);
    const start = from === 0 ? 0 : block.indexOf(0x0a) + 1;
    const text = Buffer.concat(
      makeLogFilter({ timestamps: false, sinceMs: undefined }).feed(block.subarray(start, bytesRead)),
    ).toString();
    return text
      .split(/(?<=\n)/)
      .slice(-lastWordsLines)
      .join('')
      .slice(-lastWordsBytes);
  } finally {
    await handle.close();
  }
}
