/** Wires decide() to all pods, as one key that wakes by itself. */
import type { View } from '#lib/client/types.ts';
import { watch } from '#lib/control/reconcile.ts';
import type { Controller, World } from '#lib/control/reconcile.ts';
import { namespace } from '#lib/kinds/namespace.ts';
import { node } from '#lib/kinds/node.ts';
import { pod } from '#lib/kinds/pod.ts';
import { isReason } from '#lib/meta/errors.ts';
import type { Timings } from '../timings.ts';
import { decide } from './decide.ts';
import type { Seen } from './decide.ts';

/** Upstream's default of `--terminated-pod-gc-threshold`. */
const finishedLimit = 12_500;
const all = 'pods';

/** Makes the controller; a node must be missing for `orphanQuarantineMs` before its pods go. */
export function makePodGcController({ orphanQuarantineMs, podCheckMs: checkMs }: Timings): Controller<Seen> {
  const missingSince = new Map<string, number>();
  return {
    name: 'pod-garbage-collector-controller',
    workers: 1,
    watches: [
      // There is always a namespace, so this starts the key; afterwards it wakes by itself.
      watch(
        namespace,
        () => [all],
        ({ before }) => before === undefined,
      ),
      watch(
        node,
        () => [all],
        ({ object }) => object === undefined,
      ),
    ],
    async see(_key, world) {
      const { view, now } = world;
      const nodeOf = (name: string) => view.get(node, { namespace: '', name });
      return { pods: view.list(pod), nodeOf, lostNodes: await lostNodes(world), finishedLimit, checkMs, now };
    },
    decide,
  };

  async function lostNodes({ view, client, now }: World): Promise<Set<string>> {
    const missing = missingNodes(view);
    for (const name of missingSince.keys()) if (!missing.has(name)) missingSince.delete(name);
    const lost = new Set<string>();
    for (const name of missing) {
      const since = missingSince.getOrInsertComputed(name, () => now);
      if (now - since < orphanQuarantineMs) continue;
      try {
        await client.get(node, { namespace: '', name });
      } catch (error) {
        if (!isReason(error, 'NotFound')) throw error;
        lost.add(name);
      }
    }
    return lost;
  }
}

function missingNodes(view: View): Set<string> {
  const named = new Set(view.list(pod).map(({ spec }) => spec.nodeName ?? ''));
  named.delete('');
  for (const { metadata } of view.list(node)) named.delete(metadata.name);
  return named;
}
