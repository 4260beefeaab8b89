/** All entries by key, and the folders of keys: listing a folder touches nothing outside it. */
import { SortedKeys } from './sorted-keys.ts';
import type { Entry } from './world-types.ts';

export interface WorldIndex {
  get(key: string): Entry | undefined;
  set(entry: Entry): void;
  delete(key: string): void;
  /** In key order. The index must not change while this is read. */
  list(prefix: string): Iterable<Entry>;
  count(prefix: string): number;
  readonly size: number;
}

interface Folder {
  /** Keys of entries and, ending with '/', of folders. A folder's key sorts exactly where the keys in it do. */
  keys: SortedKeys;
  /** Entries in it and below. */
  count: number;
}

export function makeWorldIndex(): WorldIndex {
  const entries = new Map<string, Entry>();
  const folders = new Map<string, Folder>();

  const insert = (key: string) => {
    let child: string | undefined = key;
    for (const path of foldersOf(key)) {
      let folder = folders.get(path);
      const isNew = !folder;
      if (!folder) folders.set(path, (folder = { keys: new SortedKeys(), count: 0 }));
      folder.count++;
      if (child !== undefined) folder.keys.insert(child);
      child = isNew ? path : undefined;
    }
  };
  const remove = (key: string) => {
    let child: string | undefined = key;
    for (const path of foldersOf(key)) {
      const folder = folders.get(path)!;
      folder.count--;
      if (child !== undefined) folder.keys.remove(child);
      child = folder.count === 0 ? path : undefined;
      if (child !== undefined) folders.delete(path);
    }
  };
  const list = function* (prefix: string): Iterable<Entry> {
    for (const key of folders.get(prefix)?.keys ?? []) {
      if (key.endsWith('/')) yield* list(key);
      else yield entries.get(key)!;
    }
  };

  return {
    get: (key) => entries.get(key),
    set(entry) {
      if (!entries.has(entry.key)) insert(entry.key);
      entries.set(entry.key, entry);
    },
    delete(key) {
      if (entries.delete(key)) remove(key);
    },
    list,
    count: (prefix) => folders.get(prefix)?.count ?? 0,
    get size() {
      return entries.size;
    },
  };
}

/** The folders a key is in, innermost first: `/a/b/`, `/a/`, `/` for `/a/b/c`. */
export function* foldersOf(key: string): Iterable<string> {
  for (let slash = key.lastIndexOf('/'); slash >= 0; slash = slash > 0 ? key.lastIndexOf('/', slash - 1) : -1) {
    yield key.slice(0, slash + 1);
  }
}
