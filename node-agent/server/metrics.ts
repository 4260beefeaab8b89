/** What the agent measures of itself and of what it runs, under a kubelet's names. */
import type { Env } from '#lib/env/env.ts';
import { measureProcess } from '#lib/metrics/process.ts';
import { makeRegistry } from '#lib/metrics/registry.ts';
import type { Registry } from '#lib/metrics/registry.ts';
import type { Pods } from '../lifecycle/pods.ts';

export function makeMetrics(nodeName: string, pods: Pick<Pods, 'all'>, env: Pick<Env, 'now'>): Registry {
  const registry = makeRegistry();
  measureProcess(registry, env);
  registry.reading('gauge', 'kubelet_node_name', "[ALPHA] The node's name. The count is always 1.", ['node'], () => [
    [[nodeName], 1],
  ]);
  registry.reading(
    'gauge',
    'kubelet_running_pods',
    '[ALPHA] Number of pods that have a running pod sandbox',
    [],
    () => [[[], pods.all().filter(({ observed }) => observed).length]],
  );
  registry.reading(
    'gauge',
    'kubelet_running_containers',
    '[ALPHA] Number of containers currently running',
    ['container_state'],
    () => {
      const states = Map.groupBy(
        pods.all().flatMap(({ observed }) => observed?.containers ?? []),
        ({ state }) => state,
      );
      return [...states].map(([state, found]) => [[state], found.length]);
    },
  );
  return registry;
}
