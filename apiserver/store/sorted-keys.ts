/** No more keys than these are moved to make room for one: in an array of 20,000 that would be the dearest part of taking in a write. */
const mostInChunk = 512;

/**
 * Distinct strings in the order of their UTF-16 units (that of bytes for the ASCII our keys consist of). They are kept in chunks, sorted within and among themselves, none
 * of them empty. It must not change while it is read.
 */
export class SortedKeys implements Iterable<string> {
  readonly #chunks: string[][] = [];

  /** Puts `key` in its place; false when it is there already. */
  insert(key: string): boolean {
    const chunks = this.#chunks;
    const last = chunks.at(-1);
    // Keys come in order while a store is listed: each chunk is filled then.
    if (!last || (last.length === mostInChunk && last.at(-1)! < key)) {
      chunks.push([key]);
      return true;
    }
    const index = Math.min(this.#chunkOf(key), chunks.length - 1);
    const chunk = chunks[index]!;
    const at = positionIn(chunk, key);
    if (chunk[at] === key) return false;
    chunk.splice(at, 0, key);
    if (chunk.length > mostInChunk) chunks.splice(index + 1, 0, chunk.splice(mostInChunk / 2));
    return true;
  }

  /** Takes `key` out; false when it is not there. */
  remove(key: string): boolean {
    const chunks = this.#chunks;
    const index = this.#chunkOf(key);
    const chunk = chunks[index];
    if (!chunk) return false;
    const at = positionIn(chunk, key);
    if (chunk[at] !== key) return false;
    chunk.splice(at, 1);
    // After many removals there would else be many chunks of a few keys.
    const next = chunks[index + 1];
    if (chunk.length === 0) chunks.splice(index, 1);
    else if (next && chunk.length + next.length < mostInChunk / 2) chunks.splice(index, 2, [...chunk, ...next]);
    return true;
  }

  /** The keys from `start` on, itself among them if it is there. */
  *from(start: string): Iterable<string> {
    const first = this.#chunkOf(start);
    for (let index = first; index < this.#chunks.length; index++) {
      const chunk = this.#chunks[index]!;
      for (let at = index === first ? positionIn(chunk, start) : 0; at < chunk.length; at++) yield chunk[at]!;
    }
  }

  *[Symbol.iterator](): Iterator<string> {
    for (const chunk of this.#chunks) yield* chunk;
  }

  /** The first chunk whose last key is not before `key`: where it is, if anywhere. One beyond the last for a key after all others. */
  #chunkOf(key: string): number {
    const chunks = this.#chunks;
    let low = 0;
    let high = chunks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (chunks[middle]!.at(-1)! < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Where `key` is in a sorted array, or where it would be. */
function positionIn(keys: readonly string[], key: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (keys[middle]! < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
