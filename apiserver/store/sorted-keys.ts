/** A sorted array of distinct strings, in the order of their UTF-16 units (that of bytes for the ASCII our keys consist of). */

/** Where `key` is in `keys`, or where it would be. */
export function positionOf(keys: readonly string[], key: string): number {
  let low = 0;
  let high = keys.length;
  // Keys come in order while a store is listed, so the end is the likely place.
  if (high === 0 || keys[high - 1]! < key) return high;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (keys[middle]! < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Puts `key` in its place; false when it is there already. */
export function insertKey(keys: string[], key: string): boolean {
  const at = positionOf(keys, key);
  if (keys[at] === key) return false;
  keys.splice(at, 0, key);
  return true;
}

/** Takes `key` out; false when it is not there. */
export function removeKey(keys: string[], key: string): boolean {
  const at = positionOf(keys, key);
  if (keys[at] !== key) return false;
  keys.splice(at, 1);
  return true;
}
