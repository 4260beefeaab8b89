/** Structural equality and copies of JSON values. */

/** Whether two JSON values are the same; an undefined field counts as absent. */
export function equal(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b)) {
    return Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((item, i) => equal(item, b[i]));
  }
  const left = a as Record<string, unknown>;
  const right = b as Record<string, unknown>;
  for (const key in left) {
    if (left[key] !== undefined && !(Object.hasOwn(right, key) && equal(left[key], right[key]))) return false;
  }
  // A key may bear the name of something that every object inherits, so only own fields count.
  for (const key in right) {
    if (right[key] !== undefined && (left[key] === undefined || !Object.hasOwn(left, key))) return false;
  }
  return true;
}

/** A deep copy of a JSON value. */
export function copy<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item: unknown) => copy(item)) as T;
  const from = value as Record<string, unknown>;
  const result: Record<string, unknown> = {};
  // No pairs are made for it: copies are what a write allocates most.
  for (const key in from) {
    const item = copy(from[key]);
    if (key === '__proto__')
      Object.defineProperty(result, key, { value: item, enumerable: true, writable: true, configurable: true });
    else result[key] = item;
  }
  return result as T;
}
