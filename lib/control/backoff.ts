/** How long a failing key rests: exponential per key and without jitter, as client-go's default controller rate limiter. */

export interface KeyBackoff {
  /** The rest due after one more failure of `key`, in milliseconds. */
  next(key: string): number;
  /** Forgets the failures of `key`. */
  forget(key: string): void;
}

/** Makes a backoff of `baseMs`, doubled by every failure up to `limitMs`. Only keys that fail take memory. */
export function makeKeyBackoff({ baseMs = 5, limitMs = 1_000_000 } = {}): KeyBackoff {
  const failures = new Map<string, number>();
  return {
    next(key) {
      const before = failures.get(key) ?? 0;
      failures.set(key, before + 1);
      return Math.min(baseMs * 2 ** before, limitMs);
    },
    forget: (key) => void failures.delete(key),
  };
}
