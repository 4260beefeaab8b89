/** What is made of entries' objects once for all who read them. */
import type { Entry } from '../store/world-types.ts';

/** The bytes that were made of this entry, or makes them. */
export type EntryCache = (entry: Entry, make: () => Buffer) => Buffer;

/**
 * Remembers bytes for as long as their entries live, and at most the last `limitBytes` to twice that: what has not been asked for while that much
 * was made is forgotten, and would be made again.
 */
export function makeEntryCache(limitBytes: number): EntryCache {
  let young = new WeakMap<Entry, Buffer>();
  let old = new WeakMap<Entry, Buffer>();
  let youngBytes = 0;

  return (entry, make) => {
    const known = young.get(entry);
    if (known) return known;
    const bytes = old.get(entry) ?? make();
    if (youngBytes + bytes.length > limitBytes) {
      old = young;
      young = new WeakMap();
      youngBytes = 0;
    }
    young.set(entry, bytes);
    youngBytes += bytes.length;
    return bytes;
  };
}
