/** After how long refused clients are asked to come back: longer while many are refused, as upstream's `flowcontrol/dropped_requests_tracker.go`. */

export interface RetryAdvice {
  /** Seconds. */
  readonly seconds: number;
  /** Notes that a request was refused. */
  refused(nowSeconds: number): void;
}

const longestSeconds = 32;

export function makeRetryAdvice(): RetryAdvice {
  let seconds = 1;
  let raisedAt = -Infinity;
  /** Refusals by whole second, oldest first; those of the last one are not complete. */
  let history: { at: number; count: number }[] = [];

  const adjust = (now: number) => {
    const recent = history.filter(({ at }) => at < now && now - at <= seconds);
    const refusals = recent.reduce((sum, { count }) => sum + count, 0);
    if (now - raisedAt >= seconds && refusals >= 3 * seconds) {
      seconds = Math.min(2 * seconds, longestSeconds);
      raisedAt = now;
    } else if (refusals < seconds && seconds > 1) seconds--;
  };
  return {
    get seconds() {
      return seconds;
    },
    refused(nowSeconds) {
      const now = Math.floor(nowSeconds);
      const last = history.at(-1);
      if (last?.at === now) {
        last.count++;
        return;
      }
      history = history.filter(({ at }) => now - at <= longestSeconds);
      adjust(now);
      history.push({ at: now, count: 1 });
    },
  };
}
