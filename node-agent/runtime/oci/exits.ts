/** Learns of ended containers: conmon leaves each one's exit code in a file, and the kernel tells of new files. */
import { mkdirSync, readFileSync, renameSync, rmSync, statSync, watch, writeFileSync } from 'node:fs';
import path from 'node:path';

export interface Exits {
  /** The code and when it was left, or undefined while there is none. */
  read(id: string): { code: number; at: number } | undefined;
  /** Leaves a code in conmon's stead, for a container that it can no longer speak for. */
  leave(id: string, code: number): void;
  forget(id: string): void;
  /** Calls `listener` with the id of each container that ends from now on. */
  start(listener: (id: string) => void): void;
  stop(): void;
}

/** Opens the folder of exit codes. */
export function openExits(folder: string): Exits {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  let watcher: ReturnType<typeof watch> | undefined;
  const file = (id: string) => path.join(folder, id);
  return {
    read(id) {
      // That there is none is the ordinary case, which an exception would make dear.
      const about = statSync(file(id), { throwIfNoEntry: false });
      const text = about && readFileSync(file(id), 'utf8').trim();
      return about && text ? { code: Number(text), at: Math.floor(about.mtimeMs) } : undefined;
    },
    leave(id, code) {
      writeFileSync(`${file(id)}.new`, String(code));
      renameSync(`${file(id)}.new`, file(id));
    },
    forget: (id) => rmSync(file(id), { force: true }),
    start(listener) {
      watcher = watch(folder, { persistent: false }, (_event, name) => {
        if (name !== null && /^[0-9a-f]{64}$/.test(name)) listener(name);
      });
    },
    stop: () => watcher?.close(),
  };
}
