/** A map that keeps only what was used most recently. */

export interface Recent<V> {
  get(key: string): V | undefined;
  set(key: string, value: V): void;
}

/** Makes a map of at most `limit` entries; beyond it the one that was not used for longest goes. */
export function makeRecent<V>(limit: number): Recent<V> {
  const entries = new Map<string, V>();
  const put = (key: string, value: V) => {
    entries.delete(key);
    entries.set(key, value);
  };
  return {
    get(key) {
      const value = entries.get(key);
      if (value !== undefined) put(key, value);
      return value;
    },
    set(key, value) {
      put(key, value);
      if (entries.size > limit) entries.delete(entries.keys().next().value!);
    },
  };
}
