/**
 * What a watcher is yet to be sent. While it does not read, changes wait as they are, shared by all, and are only written out a piece at a time as
 * there is room: neither a long initial state nor a slow reader costs a copy of what it has not read.
 */
import type { WatchChange } from '../verbs/types.ts';
import type { WatchSink } from './watch-sink.ts';

export interface WatchQueue {
  /** Changes beyond the bound end the watch, but for the initial state, which may be of any size. */
  push(changes: readonly WatchChange[], isInitial: boolean): void;
  /** An event that exists as bytes. */
  pushBytes(bytes: Buffer): void;
  /** Ends the stream once all of it is written. */
  endAfter(): void;
}

/** What is handed to the connection at a time. */
const pieceBytes = 128 * 1024;

/** `onOverflow` is told the unread bytes once they exceed `limitBytes`; nothing is written after that. */
export function makeWatchQueue(
  sink: Pick<WatchSink, 'write' | 'end' | 'onDrain'>,
  limitBytes: number,
  render: (change: WatchChange) => Buffer,
  onOverflow: (unreadBytes: number) => void,
): WatchQueue {
  let waiting: (WatchChange | Buffer)[] = [];
  /** What is before it has been written. */
  let head = 0;
  let waitingBytes = 0;
  let initialBytes = 0;
  let isFull = false;
  let ends = false;

  const flush = () => {
    while (!isFull && head < waiting.length) {
      const parts: Buffer[] = [];
      for (let size = 0; size < pieceBytes && head < waiting.length; head++) {
        const next = waiting[head]!;
        const bytes = Buffer.isBuffer(next) ? next : render(next);
        waitingBytes -= sizeOf(next);
        size += bytes.length;
        parts.push(bytes);
      }
      isFull = !sink.write(parts);
    }
    if (head < waiting.length) return;
    [waiting, head, waitingBytes, initialBytes] = [[], 0, 0, 0];
    if (ends) sink.end();
  };
  const add = (item: WatchChange | Buffer) => {
    waiting.push(item);
    waitingBytes += sizeOf(item);
  };
  const settle = () => {
    if (isFull && waitingBytes > limitBytes + initialBytes) onOverflow(waitingBytes);
    else flush();
  };
  sink.onDrain(() => {
    isFull = false;
    flush();
  });

  return {
    push(changes, isInitial) {
      // Nearly always there is one, and room for it.
      if (changes.length === 1 && !isFull && head === waiting.length) {
        isFull = !sink.write([render(changes[0]!)]);
        return;
      }
      for (const change of changes) add(change);
      if (isInitial) initialBytes += waitingBytes;
      settle();
    },
    pushBytes(bytes) {
      add(bytes);
      settle();
    },
    endAfter() {
      ends = true;
      if (!isFull) flush();
    },
  };
}

function sizeOf(item: WatchChange | Buffer): number {
  return Buffer.isBuffer(item) ? item.length : item.entry.bytes.length;
}
