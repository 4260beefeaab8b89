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
  /** What answers, by path. */
  paths: ReadonlyMap<string, Handler>;
}

export function makeMetrics(env: Env): Metrics {
  const registry = makeRegistry();
  const health = makeRegistry();
  measureProcess(registry, env);
  tellBuild(registry);
  tellFeatures(registry);
  return { registry, onHealth: measureHealth([registry, health]), paths: metricsPaths(registry, health) };
}
