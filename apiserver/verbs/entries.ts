/** Entries in the form that a caller asked for, and entries of what is never stored. */
import type { Kind } from '#lib/kinds/define-kind.ts';
import type { Resource } from '#lib/meta/object.ts';
import { encodeForStore, entryOf } from '../store/entry.ts';
import type { Stored } from '../store/types.ts';
import type { Entry } from '../store/world-types.ts';
import { unreadableObject } from './unreadable.ts';

/** The entry of a stored value. Throws InternalError for one that cannot be read. */
export function entryOfStored({ key, value, revision, fault, stale }: Stored): Entry {
  if (fault) throw unreadableObject(fault);
  const entry = entryOf(key, value, revision);
  if (stale) entry.stale = true;
  return entry;
}

/** The entry of an object that was not read from the store, as of `revision`. */
export function entryOfObject(key: string, object: Resource, revision: bigint): Entry {
  return entryOf(key, encodeForStore(object), revision, object);
}

/** The entry of an object that would have been created at `key`, and so has no revision. */
export function triedEntry(key: string, object: Resource): Entry {
  return lazily(key, object, 0n);
}

/** A stored object in the form of `kind`, which may be another version than the stored one. */
export function objectAs(kind: Kind, object: Resource): Resource {
  return kind.conversion ? kind.conversion.fromStored(object) : object;
}

/** An entry in the form of `kind`. */
export function entryAs(kind: Kind, entry: Entry): Entry {
  if (!kind.conversion) return entry;
  const object = kind.conversion.fromStored(entry.object);
  return object === entry.object ? entry : lazily(entry.key, object, entry.revision);
}

/** An answer that has no place in the store, such as a review. `revision` is that of the write it tells of. */
export function transientEntry(object: object, revision = 0n): Entry {
  return lazily('', object as Resource, revision);
}

function lazily(key: string, object: Resource, revision: bigint): Entry {
  let bytes: Buffer | undefined;
  return {
    key,
    object,
    revision,
    get bytes() {
      return (bytes ??= Buffer.from(JSON.stringify(object)));
    },
  };
}
