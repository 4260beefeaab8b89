/** The pods that lie as files in a folder of the node. */
import { mkdir, readdir, readFile, stat } from 'node:fs/promises';
import { watch } from 'node:fs';
import path from 'node:path';
import type { Env } from '#lib/env/env.ts';
import type { Pod } from '#lib/kinds/gen/core-v1.ts';
import { formatTime } from '#lib/meta/time.ts';

export interface FolderOptions {
  env: Env;
  folder: string;
  nodeName: string;
}

/** Changes rarely come alone: half a file is not read when it is written in one go. */
const gatherMs = 100;
/** As often as upstream the folder is read without being told: on file systems of the network the kernel tells nothing. */
const rereadMs = 20_000;
const mostBytes = 10 * 1024 * 1024;
const mostFiles = 1000;

/** Reads the folder now and whenever it changes, and tells `onPods` what pods there are, until aborted. It is made if need be. */
export async function followStaticPods(
  { env, folder, nodeName }: FolderOptions,
  onPods: (pods: Pod[]) => void,
  signal: AbortSignal,
): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o755 });
  /** By file: its text and what came of it. */
  let known = new Map<string, { text: string; pod: Pod | undefined }>();
  let reading = Promise.resolve();

  async function read(): Promise<void> {
    const next: typeof known = new Map();
    for (const file of await filesIn(folder)) {
      const text = await textOf(file);
      if (text === undefined) continue;
      const before = known.get(file);
      next.set(file, before?.text === text ? before : { text, pod: await decoded(file, text) });
    }
    if (signal.aborted) return;
    known = next;
    onPods(distinct([...next.values()].flatMap(({ pod }) => (pod ? [pod] : []))));
  }

  async function decoded(file: string, text: string): Promise<Pod | undefined> {
    // Nodes without such pods, which is nearly all of them, need not hold a reader of YAML in memory.
    const { decodeStaticPod } = await import('./decode.ts');
    try {
      return decodeStaticPod(text, { nodeName, file, seenAt: formatTime(env.now()) });
    } catch (error) {
      env.log.error('Cannot take a pod from its file', { file, error });
      return undefined;
    }
  }

  const again = () => {
    reading = reading
      .then(read)
      .catch((error: unknown) => env.log.error('Cannot read the folder of static pods', { folder, error }));
    return reading;
  };
  let cancel: (() => void) | undefined;
  const soon = () => {
    cancel ??= env.after(gatherMs, () => {
      cancel = undefined;
      void again();
    });
  };
  const watcher = watch(folder, { persistent: false }, soon);
  watcher.on('error', (error) => env.log.warn('Cannot watch the folder of static pods', { folder, error }));
  signal.addEventListener('abort', () => watcher.close(), { once: true });
  await again();
  void (async () => {
    while (!signal.aborted) {
      await env.sleep(rereadMs, signal).catch(() => {});
      if (!signal.aborted) await again();
    }
  })();
}

/** Files by name; hidden ones, which editors leave while they write, do not count, and folders are not entered. */
async function filesIn(folder: string): Promise<string[]> {
  const names = (await readdir(folder)).filter((name) => !name.startsWith('.'));
  return names
    .toSorted((a, b) => (a < b ? -1 : 1))
    .slice(0, mostFiles)
    .map((name) => path.join(folder, name));
}

/** Undefined for what is no file or has gone meanwhile. */
async function textOf(file: string): Promise<string | undefined> {
  try {
    const found = await stat(file);
    return found.isFile() && found.size > 0 && found.size <= mostBytes ? await readFile(file, 'utf8') : undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Of pods with the same name the first file's counts. */
function distinct(pods: readonly Pod[]): Pod[] {
  const byName = new Map<string, Pod>();
  for (const pod of pods) {
    const name = `${pod.metadata.namespace}/${pod.metadata.name}`;
    if (!byName.has(name)) byName.set(name, pod);
  }
  return [...byName.values()];
}
