/**
 * The world outside a process, as an argument: clock, chance, timers, log. Only this folder and each service's
 * `main.ts` touch the real ones, so that a whole cluster can run in one process from one seed.
 */
import type { Log } from './log.ts';

export interface Env {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Milliseconds on a clock that never steps back; only differences mean something. */
  monotonic(): number;
  /** Uniform in [0, 1). */
  random(): number;
  /** A version 4 UUID. */
  uuid(): string;
  /** Calls `run` once after `delayMs`; the returned function cancels it. Does not keep the process alive. */
  after(delayMs: number, run: () => void): () => void;
  /** Resolves after `delayMs`, rejects with the signal's reason when aborted first. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>;
  log: Log;
}
