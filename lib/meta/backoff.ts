/** How long to wait before the next attempt. */

export interface BackoffRange {
  /** Before the second attempt. */
  firstMs: number;
  maxMs: number;
}

/**
 * Milliseconds to wait after `failures` failures in a row (1 or more): doubled with each, up to the maximum, and between half and all of that so
 * that clients which failed together do not come back together. `random` is in [0, 1).
 */
export function backoffMs(failures: number, { firstMs, maxMs }: BackoffRange, random: number): number {
  const full = Math.min(maxMs, firstMs * 2 ** Math.min(failures - 1, 30));
  return full / 2 + (full / 2) * random;
}
