/** What the health endpoints check, under upstream's names. */
import type { Env } from '#lib/env/env.ts';
import { healthPaths } from './rest/health.ts';
import type { HealthMeter } from './metrics/health.ts';
import type { Handler } from './rest/request-context.ts';
import type { Store } from './store/types.ts';
import type { World } from './store/world-types.ts';

export interface Health {
  /** What answers, by path. */
  paths: ReadonlyMap<string, Handler>;
  /** From now on the server is not ready, though it lives: it is about to stop. */
  fail(): void;
}

export function makeHealth(store: Store, world: World, onHealth: HealthMeter, env: Env): Health {
  let isStopping = false;
  const alive = {
    ping: async () => {},
    etcd: async () => void (await store.revision()),
  };
  const ready = {
    ...alive,
    'informer-sync': async () => void (await world.sync()),
    shutdown: async () => {
      if (isStopping) throw new Error('process is shutting down');
    },
  };
  return {
    paths: new Map([
      ...healthPaths('healthz', alive, env, onHealth),
      ...healthPaths('livez', alive, env, onHealth),
      ...healthPaths('readyz', ready, env, onHealth),
    ]),
    fail: () => {
      isStopping = true;
    },
  };
}
