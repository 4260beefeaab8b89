/** A store whose values are kept as the encryption's configuration says, and read as their writers gave them. */
import { CompactedError } from '../types.ts';
import type { Store, StoreBatch, StoreEvent, Stored } from '../types.ts';
import { isSealed } from './forms.ts';
import type { FormsFor } from './by-key.ts';

/** The configuration of the moment. */
export interface Encryption {
  readonly formsFor: FormsFor;
  /** Calls `listener` whenever another configuration holds. Returns the way to stop. */
  onChange(listener: () => void): () => void;
}

/**
 * A value that no key opens has a `fault` instead. When the keys change after that, watches end with CompactedError, so that whoever left such values out lists
 * again. Values of resources that are not encrypted are handed on as they are.
 */
export function encryptStore(store: Store, encryption: Encryption): Store {
  /** The configuration under which a value could not be read. */
  let failedUnder: FormsFor | undefined;
  const opened = <T extends Stored | StoreEvent>(kept: T): T => {
    const { key, value } = kept;
    const forms = encryption.formsFor(key);
    if (!forms && !isSealed(value)) return kept;
    try {
      if (!forms) throw new Error('identity transformer tried to read encrypted data');
      const { plain, stale } = forms.open(value, key);
      return plain === value && !stale ? kept : { ...kept, value: plain, ...(stale && { stale }) };
    } catch (error) {
      failedUnder = encryption.formsFor;
      return { ...kept, value: nothing, fault: error as Error };
    }
  };

  return {
    ...store,
    async get(key) {
      const kept = await store.get(key);
      return kept && opened(kept);
    },
    async list(prefix, options) {
      const page = await store.list(prefix, options);
      return { ...page, items: page.items.map(opened) };
    },
    async put(key, value, expected, ttlSeconds) {
      const sealed = encryption.formsFor(key)?.seal(value, key) ?? value;
      const outcome = await store.put(key, sealed, expected, ttlSeconds);
      return outcome.ok || !outcome.current ? outcome : { ok: false, current: opened(outcome.current) };
    },
    async delete(key, expected) {
      const outcome = await store.delete(key, expected);
      return outcome.ok || !outcome.current ? outcome : { ok: false, current: opened(outcome.current) };
    },
    async *watch(prefix, after, signal) {
      const rekeyed = new AbortController();
      const look = () => {
        if (!failedUnder || failedUnder === encryption.formsFor) return;
        failedUnder = undefined;
        rekeyed.abort(new CompactedError('Cannot go on watching: other keys may open what could not be read'));
      };
      const stop = encryption.onChange(look);
      look();
      try {
        for await (const batch of store.watch(prefix, after, AbortSignal.any([signal, rekeyed.signal])))
          yield openedBatch(batch, opened);
      } finally {
        stop();
      }
    },
  };
}

const nothing = Buffer.alloc(0);

function openedBatch(batch: StoreBatch, opened: (event: StoreEvent) => StoreEvent): StoreBatch {
  return { ...batch, events: batch.events.map((event) => (event.type === 'PUT' ? opened(event) : event)) };
}
