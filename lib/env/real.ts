/** The real clock, random source and log of this process. */
import { randomUUID } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Env } from './env.ts';
import { makeLog } from './log.ts';
import type { LogLevel } from './log.ts';

/** Node clamps a longer timer to 1 ms; such a delay waits this long instead, about 24.8 days. */
const longestTimerMs = 2 ** 31 - 1;

export interface RealEnvOptions {
  service: string;
  level?: LogLevel;
  format?: 'text' | 'json';
}

/** Makes the environment of a real process; the log goes to stderr. */
export function makeRealEnv({ service, level = 'info', format = 'text' }: RealEnvOptions): Env {
  return {
    now: Date.now,
    monotonic: () => performance.now(),
    random: Math.random,
    uuid: randomUUID,
    after: (delayMs, run) => {
      const timer = setTimeout(run, Math.min(delayMs, longestTimerMs));
      timer.unref();
      return () => clearTimeout(timer);
    },
    async sleep(delayMs, signal) {
      try {
        await sleep(Math.min(delayMs, longestTimerMs), undefined, signal ? { signal } : {});
      } catch (error) {
        // Node rejects with an AbortError of its own.
        signal?.throwIfAborted();
        throw error;
      }
    },
    log: makeLog({ level, format, now: Date.now, write: (line) => process.stderr.write(`${line}\n`) }, { service }),
  };
}
