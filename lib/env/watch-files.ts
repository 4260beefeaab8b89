/** Being told of files that change, as the kernel sees it: nothing is polled. */
import { watch } from 'node:fs';
import type { FSWatcher } from 'node:fs';
import path from 'node:path';
import type { Env } from './env.ts';

/** Writers rarely make one change alone; they are told together, this long after the first. */
const gatherMs = 50;

/**
 * Calls `onChange` soon after one of these files was written, made, or replaced by renaming, or after the link `..data` beside one was, as Kubernetes replaces
 * mounted files. Folders are watched, so a file may come and go. It may be called though nothing is different. Where the kernel watches no more, a warning says so. Returns the
 * way to stop; it does not keep the process alive.
 */
export function watchFiles(files: readonly string[], env: Env, onChange: () => void): () => void {
  let cancel: (() => void) | undefined;
  const tell = () => {
    cancel ??= env.after(gatherMs, () => {
      cancel = undefined;
      onChange();
    });
  };
  const folders = new Set(files.map((file) => path.dirname(path.resolve(file))));
  const watchers = [...folders].map((folder) => {
    const names = new Set(
      files.filter((file) => path.dirname(path.resolve(file)) === folder).map((file) => path.basename(file)),
    );
    return watchFolder(folder, env, (name) => {
      if (name === null || names.has(name) || name === '..data') tell();
    });
  });
  return () => {
    cancel?.();
    for (const watcher of watchers) watcher?.close();
  };
}

function watchFolder(folder: string, env: Env, onName: (name: string | null) => void): FSWatcher | undefined {
  const giveUp = (error: unknown) =>
    env.log.warn('Cannot watch a folder: changes in it count from the next start on', { folder, error });
  try {
    const watcher = watch(folder, { persistent: false }, (_event, name) => onName(name));
    watcher.on('error', giveUp);
    return watcher;
  } catch (error) {
    giveUp(error);
    return undefined;
  }
}
