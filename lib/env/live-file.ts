/** What some files say, now and whenever they change. */
import type { Env } from './env.ts';
import { watchFiles } from './watch-files.ts';

export interface Live<T> {
  /** As of the last change that could be read. */
  readonly current: T;
  /** Calls `listener` after each change. Returns the way to stop. */
  onChange(listener: (current: T, before: T) => void): () => void;
  close(): void;
}

/**
 * Reads now, and throws what that throws; then again whenever one of the files may have changed. What cannot be read then is logged as `what`, and the last
 * good reading holds. `same` tells readings that are no change.
 */
export function followFiles<T>(
  what: string,
  files: readonly string[],
  read: () => T,
  same: (a: T, b: T) => boolean,
  env: Env,
): Live<T> {
  const listeners = new Set<(current: T, before: T) => void>();
  let current = read();
  const look = () => {
    let next: T;
    try {
      next = read();
    } catch (error) {
      env.log.warn(`Cannot take over the changed ${what}; what was read before holds`, { files: files.join(), error });
      return;
    }
    if (same(next, current)) return;
    const before = current;
    current = next;
    env.log.info(`Took over the changed ${what}`, { files: files.join() });
    for (const listener of listeners) listener(current, before);
  };
  const stop = watchFiles(files, env, look);
  // What changed between reading and watching has told nobody.
  look();
  return {
    get current() {
      return current;
    },
    onChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    close: stop,
  };
}
