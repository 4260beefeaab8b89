/** `/metrics`, and `/metrics/slis`. */
import type { Registry } from '#lib/metrics/registry.ts';
import { metricsType } from '#lib/metrics/registry.ts';
import { sendBytes } from '../rest/answer.ts';
import type { Handler } from '../rest/request-context.ts';

/** By path. `refresh` runs before everything is told. */
export function metricsPaths(all: Registry, health: Registry, refresh: () => Promise<void>): Map<string, Handler> {
  const send =
    (registry: Registry): Handler =>
    async ({ response }) =>
      sendBytes(response!, 200, metricsType, Buffer.from(registry.render()));
  return new Map([
    [
      '/metrics',
      async (context) => {
        await refresh();
        await send(all)(context);
      },
    ],
    ['/metrics/slis', send(health)],
  ]);
}
