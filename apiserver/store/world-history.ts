/** The recent past of the world, within bounds: what a watch that was interrupted may go on from. */
import type { WorldEvent } from './world-types.ts';

export interface HistoryBounds {
  events: number;
  /** JSON held, counting every event's states before and after. */
  sizeBytes: number;
  ageMs: number;
}

/** An upstream API server keeps events for 75 s at least, etcd's history there is compacted after 5 minutes. */
const historyBounds: HistoryBounds = { events: 20_000, sizeBytes: 32 * 1024 * 1024, ageMs: 300_000 };

export interface History {
  /** All events after this revision are here. */
  readonly oldest: bigint;
  /**
   * All events under this prefix, which ends with '/', after this revision are here. What is rarely written is not forgotten for what is written
   * often, as upstream keeps a history of each resource: told apart are the first folders.
   */
  oldestUnder(prefix: string): bigint;
  add(event: WorldEvent, nowMs: number): void;
  /** Events after `revision`, which must not be before `oldest`. */
  after(revision: bigint): WorldEvent[];
}

interface Item {
  event: WorldEvent;
  atMs: number;
  sizeBytes: number;
}

/** An empty history that begins after revision `start`. */
export function makeHistory(start: bigint, bounds: HistoryBounds = historyBounds): History {
  /** Those before `head` are dropped, and cut off now and then. */
  let items: (Item | undefined)[] = [];
  let head = 0;
  let sizeBytes = 0;
  let oldest = start;
  /** By first folder, the last event of it that is dropped. */
  const dropped = new Map<string, bigint>();

  const dropFirst = () => {
    const { event, sizeBytes: freed } = items[head]!;
    oldest = event.revision;
    dropped.set(firstFolderOf(event.entry.key), event.revision);
    sizeBytes -= freed;
    items[head++] = undefined;
  };
  const trim = (nowMs: number) => {
    const isOver = () =>
      items.length - head > bounds.events || sizeBytes > bounds.sizeBytes || nowMs - items[head]!.atMs > bounds.ageMs;
    while (head < items.length && isOver()) dropFirst();
    if (head > 1000 && head > items.length / 2) {
      items = items.slice(head);
      head = 0;
    }
  };

  return {
    get oldest() {
      return oldest;
    },
    oldestUnder(prefix) {
      const folder = firstFolderOf(prefix);
      return folder === '' ? oldest : (dropped.get(folder) ?? start);
    },
    add(event, nowMs) {
      const size = event.entry.bytes.length + (event.before?.bytes.length ?? 0);
      items.push({ event, atMs: nowMs, sizeBytes: size });
      sizeBytes += size;
      trim(nowMs);
    },
    after(revision) {
      let low = head;
      let high = items.length;
      while (low < high) {
        const middle = (low + high) >>> 1;
        if (items[middle]!.event.revision <= revision) low = middle + 1;
        else high = middle;
      }
      return items.slice(low).map((item) => item!.event);
    },
  };
}

/** `/registry/<folder>/`; empty for what lies above all of them. */
function firstFolderOf(path: string): string {
  const end = path.indexOf('/', path.indexOf('/', 1) + 1);
  return path.slice(0, end + 1);
}
