/**
 * When a quota may be counted. The API server charges a quota before it stores the object, so right after a charge the count of what is
 * there comes out too low; writing it would let more in than the quota allows. So a quota is counted once it has not changed for a
 * moment. One that changes all the time is counted now and then all the same, for what was charged and never stored must be given back.
 */

const stillMs = 500;
const patienceMs = 5000;

export interface Rest {
  /** How long the quota is still to be left alone, 0 when it may be counted now. Times are in milliseconds. */
  restMs(key: string, version: string, nowMs: number): number;
  forget(key: string): void;
}

interface Known {
  version: string;
  changedMs: number;
  /** Since when it has been waiting to be counted. */
  waitingMs: number | undefined;
}

export function makeRest(): Rest {
  const quotas = new Map<string, Known>();
  return {
    restMs(key, version, nowMs) {
      const before = quotas.get(key);
      const changed = before?.version !== version;
      const known: Known = {
        version,
        changedMs: changed ? nowMs : before.changedMs,
        waitingMs: before?.waitingMs ?? nowMs,
      };
      const restMs = Math.max(0, Math.min(known.changedMs + stillMs, known.waitingMs! + patienceMs) - nowMs);
      quotas.set(key, restMs > 0 ? known : { ...known, waitingMs: undefined });
      return restMs;
    },
    forget: (key) => void quotas.delete(key),
  };
}
