/** Keys that wait for a time: of several delayed adds of one key the earliest holds. */
import type { Env } from '#lib/env/env.ts';

export interface Delays {
  /** Gives `key` out after `delayMs`, at once when that is not positive. */
  add(key: string, delayMs: number): void;
  clear(): void;
}

/** Makes a set of delayed keys, at most one timer a key; `due` receives each when its time has come. */
export function makeDelays(env: Env, due: (key: string) => void): Delays {
  const timers = new Map<string, { at: number; cancel: () => void }>();
  return {
    add(key, delayMs) {
      if (delayMs <= 0) {
        due(key);
        return;
      }
      const at = env.monotonic() + delayMs;
      const before = timers.get(key);
      if (before && before.at <= at) return;
      before?.cancel();
      const cancel = env.after(delayMs, () => {
        timers.delete(key);
        due(key);
      });
      timers.set(key, { at, cancel });
    },
    clear() {
      for (const { cancel } of timers.values()) cancel();
      timers.clear();
    },
  };
}
