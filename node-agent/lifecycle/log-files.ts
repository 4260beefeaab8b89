/** Where container logs are: `<namespace>_<pod>_<uid>/<container>/<attempt>.log`, as the kubelet has them. */
import { open, readdir, rm } from 'node:fs/promises';
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

/** The pods that have logs, by uid. */
export async function uidsWithLogs(logDir: string): Promise<string[]> {
  const names = await readdir(logDir);
  return names.flatMap((name) => /^[^_]+_[^_]+_([^_]+)$/.exec(name)?.[1] ?? []);
}

/** Removes the logs of a pod, of which no more than the uid need be known. */
export async function removeLogs(logDir: string, uid: string): Promise<void> {
  for (const name of await readdir(logDir)) {
    if (name.endsWith(`_${uid}`)) await rm(`${logDir}/${name}`, { recursive: true, force: true });
  }
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
