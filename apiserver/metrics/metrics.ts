/** Everything that the API server tells of itself at `/metrics`. */
import type { Env } from '#lib/env/env.ts';
import { measureProcess } from '#lib/metrics/process.ts';
import { makeRegistry } from '#lib/metrics/registry.ts';
import type { Registry } from '#lib/metrics/registry.ts';
import type { Handler } from '../rest/request-context.ts';
import { tellBuild } from './build-info.ts';
import { tellFeatures } from './features.ts';
import { measureHealth } from './health.ts';
import type { HealthMeter } from './health.ts';
import { metricsPaths } from './paths.ts';

export interface Metrics {
  /** Where the parts of the server register what they count. */
  registry: Registry;
  onHealth: HealthMeter;
  /** Runs before each answer of `/metrics`, which waits for it; it never throws. */
  beforeEach(refresh: () => Promise<void>): void;
  /** What answers, by path. */
  paths: ReadonlyMap<string, Handler>;
}

export function makeMetrics(env: Env): Metrics {
  const registry = makeRegistry();
  const health = makeRegistry();
  measureProcess(registry, env);
  tellBuild(registry);
  tellFeatures(registry);
  const refreshers: (() => Promise<void>)[] = [];
  const refresh = async () => void (await Promise.all(refreshers.map((run) => run())));
  return {
    registry,
    onHealth: measureHealth([registry, health]),
    beforeEach: (run) => void refreshers.push(run),
    paths: metricsPaths(registry, health, refresh),
  };
}
