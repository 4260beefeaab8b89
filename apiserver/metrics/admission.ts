/** Metrics of admission, as upstream's `admission/metrics`. */
import type { Env } from '#lib/env/env.ts';
import type { Histogram } from '#lib/metrics/histogram.ts';
import type { Registry } from '#lib/metrics/registry.ts';
import type { AdmissionRule } from '../admission/types.ts';

export type MeasuredRule = (plugin: string, phase: 'admit' | 'validate', rule: AdmissionRule) => AdmissionRule;

/** Puts a clock beside each rule. */
export function measureAdmission(registry: Registry, env: Pick<Env, 'monotonic'>): MeasuredRule {
  const family = registry.histogram(
    'apiserver_admission_controller_admission_duration_seconds',
    '[STABLE] Admission controller latency histogram in seconds, identified by name and broken out for each operation and API resource and type (validate or admit).',
    ['name', 'type', 'operation', 'rejected'],
    [0.005, 0.025, 0.1, 0.5, 1, 2.5],
  );
  return (plugin, phase, rule) => {
    const known = new Map<string, Histogram>();
    const seriesOf = (operation: string, rejected: string) => {
      const key = operation + rejected;
      let found = known.get(key);
      if (!found) known.set(key, (found = family.with(plugin, phase, operation, rejected)));
      return found;
    };
    return (request, look) => {
      const startedAtMs = env.monotonic();
      let rejected = 'true';
      try {
        rule(request, look);
        rejected = 'false';
      } finally {
        seriesOf(request.operation, rejected).observe((env.monotonic() - startedAtMs) / 1000);
      }
    };
  };
}
