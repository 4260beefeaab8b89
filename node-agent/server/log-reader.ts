/** Reads a container's log file: from its start or its last lines, to its end or as it grows, over rotations. */
import { watch } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { makeLogFilter } from './cri-log.ts';

export interface LogQuery {
  timestamps: boolean;
  sinceMs: number | undefined;
  /** Undefined for all lines. */
  tailLines: number | undefined;
  /** Undefined for no limit. */
  limitBytes: number | undefined;
}

/** How to follow a log: the container's end ends it. */
export interface Following {
  /** Whether nothing will be written any more. */
  isOver(): boolean;
  /** Calls `listener` when that may have changed. Returns the way to stop. */
  onChange(listener: () => void): () => void;
}

const blockBytes = 64 * 1024;

/** Writes the log's text piece by piece, waiting for each. Resolves at its end, at the limit, or when aborted. */
export async function readLog(
  file: string,
  query: LogQuery,
  following: Following | undefined,
  write: (data: Buffer) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const filter = makeLogFilter(query);
  const bell = following && makeBell(file, following, signal);
  let left = query.limitBytes ?? Infinity;
  let handle = await open(file, 'r');
  try {
    let position = query.tailLines === undefined ? 0 : await tailStart(handle, query.tailLines);
    const block = Buffer.allocUnsafe(blockBytes);
    while (!signal.aborted && left > 0) {
      const over = following?.isOver() ?? true;
      const heard = bell?.next();
      const { bytesRead } = await handle.read(block, 0, blockBytes, position);
      if (bytesRead > 0) {
        position += bytesRead;
        const text = Buffer.concat(filter.feed(block.subarray(0, bytesRead)));
        const part = text.length > left ? text.subarray(0, left) : text;
        left -= part.length;
        if (part.length > 0) await write(part);
        continue;
      }
      const next = await rotated(file, handle, position);
      if (next) {
        if (next !== handle) await handle.close();
        handle = next;
        position = 0;
      } else if (over) return;
      else await heard;
    }
  } finally {
    bell?.stop();
    await handle.close();
  }
}

/** The file to go on with from its start, when the log has been replaced or cut; undefined when it is as it was. */
async function rotated(file: string, handle: FileHandle, position: number): Promise<FileHandle | undefined> {
  const [now, mine] = await Promise.all([stat(file).catch(() => undefined), handle.stat()]);
  if (mine.size < position) return handle;
  if (!now || now.ino === mine.ino) return undefined;
  return open(file, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
}

/** Where the last `lines` lines begin, found from the end. */
async function tailStart(handle: FileHandle, lines: number): Promise<number> {
  const { size } = await handle.stat();
  if (lines <= 0) return size;
  const block = Buffer.allocUnsafe(blockBytes);
  let found = 0;
  for (let end = size; end > 0;) {
    const start = Math.max(0, end - blockBytes);
    const { bytesRead } = await handle.read(block, 0, end - start, start);
    for (let at = bytesRead - 1; at >= 0; at--) {
      // The newline that ends the file does not begin a line.
      if (block[at] !== 0x0a || start + at === size - 1) continue;
      if (++found === lines) return start + at + 1;
    }
    end = start;
  }
  return 0;
}

/** Rings when the file or its folder changes, or the container may have ended. */
function makeBell(file: string, following: Following, signal: AbortSignal): { next(): Promise<void>; stop(): void } {
  let ring = () => {};
  const rings = () => ring();
  const watcher = watch(path.dirname(file), rings);
  // The folder goes with the pod: what is left of the log has been read, or will be by whoever is woken.
  watcher.on('error', rings);
  const off = following.onChange(rings);
  signal.addEventListener('abort', rings);
  return {
    next: () =>
      new Promise((resolve) => {
        ring = resolve;
      }),
    stop() {
      watcher.close();
      off();
      signal.removeEventListener('abort', rings);
    },
  };
}
