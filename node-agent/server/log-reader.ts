/** Reads a container's log: from its oldest part or its last lines, to its end or as it grows, over rotations. */
import { watch } from 'node:fs';
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { makeLogFilter } from './cri-log.ts';
import { neighbour } from './log-parts.ts';

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
  let { handle, position } = await startOf(file, query.tailLines ?? Infinity);
  let next: FileHandle | undefined;
  try {
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
      } else if (next) {
        // There was a next part before this read: nothing is written to this one any more.
        await handle.close();
        handle = next;
        next = undefined;
        position = 0;
      } else if ((await handle.stat()).size < position) position = 0;
      else {
        next = await neighbour(file, handle, 1);
        if (next) continue;
        if (over) return;
        await heard;
      }
    }
  } finally {
    bell?.stop();
    await handle.close();
    await next?.close();
  }
}

/** The part and the place in it where the last `lines` lines begin: the oldest part's start when there are not so many. */
async function startOf(file: string, lines: number): Promise<{ handle: FileHandle; position: number }> {
  let handle = await open(file, 'r');
  for (let left = lines; ;) {
    const { position, found } = left === Infinity ? { position: 0, found: 0 } : await tailStart(handle, left);
    left -= found;
    const older = left > 0 ? await neighbour(file, handle, -1) : undefined;
    if (!older) return { handle, position };
    await handle.close();
    handle = older;
  }
}

/** Where the last `lines` lines of one part begin, found from its end, and how many there are of them. */
async function tailStart(handle: FileHandle, lines: number): Promise<{ position: number; found: number }> {
  const { size } = await handle.stat();
  if (lines <= 0) return { position: size, found: 0 };
  const block = Buffer.allocUnsafe(blockBytes);
  let found = 0;
  for (let end = size; end > 0;) {
    const start = Math.max(0, end - blockBytes);
    const { bytesRead } = await handle.read(block, 0, end - start, start);
    for (let at = bytesRead - 1; at >= 0; at--) {
      // The newline that ends the file does not begin a line.
      if (block[at] !== 0x0a || start + at === size - 1) continue;
      if (++found === lines) return { position: start + at + 1, found };
    }
    end = start;
  }
  return { position: 0, found: size === 0 ? found : found + 1 };
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
