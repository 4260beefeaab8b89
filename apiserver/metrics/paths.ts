/** `/metrics`, and `/metrics/slis`. */
import type { Registry } from '#lib/metrics/registry.ts';
import { metricsType } from '#lib/metrics/registry.ts';
import { sendBytes } from '../rest/answer.ts';
import type { Handler } from '../rest/request-context.ts';

/** By path. */
export function metricsPaths(all: Registry, health: Registry): Map<string, Handler> {
  const send =
    (registry: Registry): Handler =>
    async ({ response }) =>
      sendBytes(response!, 200, metricsType, Buffer.from(registry.render()));
  return new Map([
    ['/metrics', send(all)],
    ['/metrics/slis', send(health)],
  ]);
}
