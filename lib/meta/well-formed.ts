/** Halves of surrogate pairs, which JSON's escapes can write and UTF-8 cannot. */

/** The JSON value of this text with U+FFFD for each half without the other, in strings and in keys, as Go's decoder has it; changed in place. */
export function wellFormed<T>(value: T, text: string): T {
  // Nearly no text has such an escape, and none that has not needs to be walked through.
  return /\\u[dD]/.test(text) ? (walk(value) as T) : value;
}

/** The value is no deeper than bodies may be. */
function walk(value: unknown): unknown {
  if (typeof value === 'string') return value.toWellFormed();
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) value[i] = walk(value[i]);
  } else if (typeof value === 'object' && value !== null) {
    const object = value as Record<string, unknown>;
    for (const [key, item] of Object.entries(object)) {
      const name = key.toWellFormed();
      if (name !== key) delete object[key];
      // Not by assignment: a key may be `__proto__`.
      Object.defineProperty(object, name, { value: walk(item), writable: true, enumerable: true, configurable: true });
    }
  }
  return value;
}
