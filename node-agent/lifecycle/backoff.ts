/** The kubelet's backoff (client-go `util/flowcontrol`): doubling from 10 s to 5 min, forgotten after 10 quiet minutes. */

const firstMs = 10_000;
const longestMs = 300_000;

/** How long the thing rests after `sinceMs` of its last failure. */
export interface Rest {
  delayMs: number;
  /** When the rest was last made longer. */
  updatedAt: number;
}

/** The rest after one more try at `now`, whose failure was at `failedAt`. */
export function longer(rest: Rest | undefined, failedAt: number, now: number): Rest {
  const fresh = rest === undefined || isStale(rest, failedAt);
  return { delayMs: fresh ? firstMs : Math.min(rest.delayMs * 2, longestMs), updatedAt: now };
}

/** When a thing that failed at `failedAt` may be tried again; at once without a rest or after a long quiet time. */
export function restEnds(rest: Rest | undefined, failedAt: number): number {
  return rest === undefined || isStale(rest, failedAt) ? failedAt : failedAt + rest.delayMs;
}

function isStale(rest: Rest, failedAt: number): boolean {
  return failedAt - rest.updatedAt > 2 * longestMs;
}

/** Go's text of a duration in whole seconds, as in `back-off 1m20s restarting failed container`. */
export function formatSeconds(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  const minutes = Math.floor(seconds / 60);
  return minutes > 0 ? `${minutes}m${seconds % 60}s` : `${seconds}s`;
}
