/** What `/runningpods/` tells: pods as the runtime has them, whatever the API says of them. Pure. */
import type { Seen } from '../lifecycle/types.ts';

/** As upstream: of each pod its names, and of its containers those that run. A pod is told of while its sandbox stands, or something of it runs. */
export function runningPods(all: readonly Pick<Seen, 'observed'>[]): object {
  const items = all.flatMap(({ observed }) => {
    if (!observed) return [];
    const running = observed.containers.filter(({ state }) => state === 'running');
    if (!observed.ready && running.length === 0) return [];
    const { name, namespace, uid } = observed;
    const containers = running.map(({ name, image }) => ({ name, image, resources: {} }));
    return [{ metadata: { name, namespace, uid }, spec: { containers }, status: {} }];
  });
  return { kind: 'PodList', apiVersion: 'v1', metadata: {}, items };
}
