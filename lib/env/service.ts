/** What a service's `main.ts` does: read configuration, start, wait for a signal, stop within a bound. */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import type { Env } from './env.ts';
import { makeRealEnv } from './real.ts';

/** A started service. `stop` ends everything it started and resolves when that is done. */
export interface Service {
  stop(): Promise<void>;
  /** How long stopping may take, for what needs longer than others. */
  stopLimitMs?: number;
}

/** How long a service may take to stop after a signal before the process ends all the same. */
export const stopLimitMs = 5000;

/**
 * Runs a service as a process: `--config FILE` names a JSON file with its configuration. Ends with 0 after SIGTERM or
 * SIGINT, with 1 when starting fails, or at once at the second signal. One that is still starting ends at once too: it may be waiting for others
 * that never come.
 */
export async function runService<C>(service: string, start: (config: C, env: Env) => Promise<Service>): Promise<void> {
  keepOldSpaceForTheOld();
  const { values } = parseArgs({ options: { config: { type: 'string' }, 'log-level': { type: 'string' } } });
  const env = makeRealEnv({ service, level: values['log-level'] === 'debug' ? 'debug' : 'info' });
  if (values.config === undefined) return fail(env, new Error('--config FILE is required'));
  const stopped = waitForSignal();
  try {
    const config = JSON.parse(readFileSync(values.config, 'utf8')) as C;
    let isStarting = true;
    void stopped.then(() => isStarting && process.exit(0));
    const running = await start(config, env);
    isStarting = false;
    const signal = await stopped;
    env.log.info('Stopping', { signal });
    const limitMs = running.stopLimitMs ?? stopLimitMs;
    const cancel = setTimeout(() => fail(env, new Error(`not stopped after ${limitMs} ms`)), limitMs);
    await running.stop();
    clearTimeout(cancel);
    process.exit(0);
  } catch (error) {
    fail(env, error);
  }
}

/**
 * Keeps V8 from placing what a request needs among long-lived objects, which it takes to when all of it once survived. There it keeps alive, when dead, what it
 * points to, which is then taken for long-lived as well, and so on: a GET of the API server takes a quarter more of a core.
 */
function keepOldSpaceForTheOld(): void {
  setFlagsFromString('--no-allocation-site-pretenuring');
}

function waitForSignal(): Promise<string> {
  return new Promise((resolve) => {
    let asked = false;
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => {
        if (asked) process.exit(1);
        asked = true;
        resolve(signal);
      });
    }
  });
}

function fail(env: Env, error: unknown): never {
  env.log.error('Cannot run', { error });
  process.exit(1);
}
