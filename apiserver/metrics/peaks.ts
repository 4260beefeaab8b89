/** How many of each sort were under way at most in the last second. */
import type { Env } from '#lib/env/env.ts';
import type { Reading } from '#lib/metrics/registry.ts';

export interface Peaks<K extends string> {
  enter(sort: K): void;
  leave(sort: K): void;
  read(): Reading[];
}

const windowMs = 1000;

/** The numbers are those of the last whole second, or of the one that goes on when that has seen more. */
export function makePeaks<K extends string>(sorts: readonly K[], env: Pick<Env, 'monotonic'>): Peaks<K> {
  const counts = Object.fromEntries(sorts.map((sort) => [sort, { now: 0, peak: 0, before: 0 }])) as Record<
    K,
    { now: number; peak: number; before: number }
  >;
  let startedAt = env.monotonic();
  const turn = () => {
    const since = env.monotonic() - startedAt;
    if (since < windowMs) return;
    for (const sort of sorts) {
      const count = counts[sort];
      // Over a second in which nothing began or ended, as many were under way as are now.
      count.before = since < 2 * windowMs ? count.peak : count.now;
      count.peak = count.now;
    }
    startedAt = env.monotonic();
  };
  return {
    enter(sort) {
      turn();
      const count = counts[sort];
      count.now++;
      if (count.now > count.peak) count.peak = count.now;
    },
    leave(sort) {
      turn();
      counts[sort].now--;
    },
    read() {
      turn();
      return sorts.map((sort): Reading => [[sort], Math.max(counts[sort].before, counts[sort].peak)]);
    },
  };
}
