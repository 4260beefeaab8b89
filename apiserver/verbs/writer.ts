/** Writes verified against what the object was: read from memory, decide, compare-and-put; on a lost race decide again. */
import type { Kind } from '#lib/kinds/define-kind.ts';
import { equal } from '#lib/meta/equal.ts';
import { conflict, notFound, plainError } from '#lib/meta/errors.ts';
import type { Ref, Resource } from '#lib/meta/object.ts';
import { encodeForStore, entryOf } from '../store/entry.ts';
import type { Store, Stored } from '../store/types.ts';
import type { Entry, World } from '../store/world-types.ts';
import { entryAs, entryOfObject, entryOfStored, objectAs, triedEntry } from './entries.ts';
import { storageKey } from './selection.ts';

export type Change =
  | { do: 'store'; object: Resource }
  /** `object`, when given, is the last state that the answer shows. */
  | { do: 'remove'; object?: Resource }
  | { do: 'nothing' };

export interface Written {
  entry: Entry;
  removed: boolean;
  /** The object before the change; undefined after a creation. */
  before: Resource | undefined;
}

export interface Writer {
  /** Stores a new object; undefined when the name is taken. */
  create(kind: Kind, ref: Ref, object: Resource, dryRun: boolean): Promise<Entry | undefined>;
  /**
   * Changes an object to what `decide` makes of its present state. `decide` may run several times, and what it throws counts only when it has seen
   * the latest state. A change that changes nothing writes nothing, unless the store would keep the object in another form now.
   */
  change(
    kind: Kind,
    ref: Ref,
    dryRun: boolean,
    decide: (current: Resource) => Change | Promise<Change>,
  ): Promise<Written>;
}

/** Lost races in one request before it is refused; each one means that another writer got through. */
const attemptLimit = 100;

/** What one object may take in the store: etcd's own limit for a request. */
const objectLimitBytes = 1.5 * 1024 * 1024;

/** Events go after an hour. */
const eventTtlSeconds = 3600;

export function makeWriter(store: Store, world: World): Writer {
  /** The entry of the object once written; when refused, what the key holds now. */
  const put = async (
    kind: Kind,
    key: string,
    object: Resource,
    expected: bigint,
  ): Promise<{ written: Entry } | { current: Stored | undefined }> => {
    const { stored, bytes } = withinLimit(kind.conversion ? kind.conversion.toStored(object) : object);
    const ttlSeconds = kind.storage.endsWith('events') ? eventTtlSeconds : undefined;
    const outcome = await store.put(key, bytes, expected, ttlSeconds);
    if (!outcome.ok) return { current: outcome.current };
    return { written: entryAs(kind, world.adopt(entryOf(key, bytes, outcome.revision, stored))) };
  };
  const load = async (key: string): Promise<Entry | undefined> => {
    const stored = await store.get(key);
    return stored && entryOfStored(stored);
  };

  return {
    async create(kind, ref, object, dryRun) {
      const key = storageKey(kind, ref);
      if (dryRun) return (await load(key)) ? undefined : triedEntry(key, object);
      const outcome = await put(kind, key, object, 0n);
      return 'written' in outcome ? outcome.written : undefined;
    },

    async change(kind, ref, dryRun, decide) {
      const key = storageKey(kind, ref);
      let entry = world.get(key);
      let latest = false;
      for (let attempt = 0; attempt < attemptLimit; attempt++) {
        if (!entry) {
          if (latest) throw notFound(kind, ref.name);
          [entry, latest] = [await load(key), true];
          continue;
        }
        const before = objectAs(kind, entry.object);
        let change: Change;
        try {
          change = await decide(before);
        } catch (error) {
          if (latest) throw error;
          [entry, latest] = [await load(key), true];
          continue;
        }
        const idle = change.do === 'nothing' || (change.do === 'store' && equal(change.object, before));
        // What is kept in an outdated form is written all the same: so all of a kind comes under a new key.
        if (idle && !(entry.stale && change.do === 'store')) {
          if (latest) return { entry: entryAs(kind, entry), removed: false, before };
          [entry, latest] = [await load(key), true];
          continue;
        }
        if (dryRun) return dryResult(entryAs(kind, entry), change);
        if (change.do === 'store') {
          const outcome = await put(kind, key, change.object, entry.revision);
          if ('written' in outcome) return { entry: outcome.written, removed: false, before };
          entry = outcome.current && entryOfStored(outcome.current);
        } else {
          const outcome = await store.delete(key, entry.revision);
          if (outcome.ok) {
            const last = entryOfObject(key, (change.do === 'remove' && change.object) || before, outcome.revision);
            return { entry: last, removed: true, before };
          }
          entry = outcome.current && entryOfStored(outcome.current);
        }
        latest = true;
      }
      throw conflict(kind, ref.name);
    },
  };
}

/** An object as it is stored. One that is too large goes without telling who owns its fields; when that does not help, it throws. */
function withinLimit(object: Resource): { stored: Resource; bytes: Buffer } {
  const bytes = encodeForStore(object);
  if (bytes.length <= objectLimitBytes) return { stored: object, bytes };
  const { managedFields, ...metadata } = object.metadata;
  if (!managedFields?.length) throw plainError('etcdserver: request is too large');
  return withinLimit({ ...object, metadata });
}

function dryResult(entry: Entry, change: Change): Written {
  const object = change.do === 'nothing' ? entry.object : (change.object ?? entry.object);
  return {
    entry: entryOfObject(entry.key, object, entry.revision),
    removed: change.do === 'remove',
    before: entry.object,
  };
}
