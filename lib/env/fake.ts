/** An environment whose clock moves only when told, and whose chance comes from a seed. */
import type { Env } from './env.ts';
import { silentLog } from './log.ts';
import type { Log } from './log.ts';

export interface FakeEnv extends Env {
  /** Moves the clock, running the timers that fall due in order, and lets promises settle between them. */
  advance(ms: number): Promise<void>;
  /** How many timers wait. */
  pending(): number;
}

interface Timer {
  at: number;
  order: number;
  run: () => void;
}

/** Makes a fake environment that starts at `startMs` since the epoch. */
export function makeFakeEnv({
  seed = 1,
  startMs = Date.UTC(2026, 0, 1),
  log = silentLog,
}: { seed?: number; startMs?: number; log?: Log } = {}): FakeEnv {
  let now = startMs;
  let order = 0;
  const random = mulberry32(seed);
  const timers = new Set<Timer>();
  const after = (delayMs: number, run: () => void) => {
    const timer = { at: now + Math.max(0, delayMs), order: order++, run };
    timers.add(timer);
    return () => void timers.delete(timer);
  };
  const nextDue = (until: number) =>
    [...timers].filter((timer) => timer.at <= until).sort((a, b) => a.at - b.at || a.order - b.order)[0];
  return {
    now: () => now,
    monotonic: () => now - startMs,
    random,
    uuid: () => uuidFrom(random),
    after,
    sleep: (delayMs, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(asError(signal.reason));
        const onAbort = () => {
          cancel();
          reject(asError(signal?.reason));
        };
        const cancel = after(delayMs, () => {
          signal?.removeEventListener('abort', onAbort);
          resolve();
        });
        signal?.addEventListener('abort', onAbort, { once: true });
      }),
    log,
    pending: () => timers.size,
    async advance(ms) {
      const until = now + ms;
      await settle();
      for (let timer = nextDue(until); timer; timer = nextDue(until)) {
        timers.delete(timer);
        now = timer.at;
        timer.run();
        await settle();
      }
      now = until;
      await settle();
    },
  };
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}

function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** The mulberry32 generator: a 32-bit state, good enough to spread test cases. */
function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function uuidFrom(random: () => number): string {
  const hex = Array.from({ length: 32 }, () => Math.floor(random() * 16).toString(16));
  hex[12] = '4';
  hex[16] = '89ab'[Math.floor(random() * 4)]!;
  const text = hex.join('');
  return `${text.slice(0, 8)}-${text.slice(8, 12)}-${text.slice(12, 16)}-${text.slice(16, 20)}-${text.slice(20)}`;
}
