/** What the health checks found, as upstream's `component-base/metrics/prometheus/slis`; told at `/metrics/slis` and with the others. */
import type { Registry } from '#lib/metrics/registry.ts';

/** Told of the outcome of a check, whenever one was made for an endpoint such as `readyz`. */
export type HealthMeter = (endpoint: string, check: string, isHealthy: boolean) => void;

export function measureHealth(registries: readonly Registry[]): HealthMeter {
  const families = registries.map((registry) => ({
    level: registry.gauge(
      'kubernetes_healthcheck',
      '[STABLE] This metric records the result of a single healthcheck.',
      ['name', 'type'],
    ),
    total: registry.counter(
      'kubernetes_healthchecks_total',
      '[STABLE] This metric records the results of all healthcheck.',
      ['name', 'status', 'type'],
    ),
  }));
  return (endpoint, check, isHealthy) => {
    for (const { level, total } of families) {
      level.with(check, endpoint).set(isHealthy ? 1 : 0);
      total.with(check, isHealthy ? 'success' : 'error', endpoint).add();
    }
  };
}
