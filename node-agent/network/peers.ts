/**
 * Routes to the pods of other nodes: each node's pod range by way of its address, for nodes that share a network (host-gw).
 */
import type { View } from '#lib/client/types.ts';
import type { Env } from '#lib/env/env.ts';
import type { Node } from '#lib/kinds/gen/core-v1.ts';
import { node as nodeKind } from '#lib/kinds/node.ts';
import { applyRoutes } from './routes.ts';
import type { Route } from './routes.ts';

/** Between attempts after a failure. */
const retryMs = 1000;

/** Where the pods of all nodes but `self` are reached. */
export function peerRoutes(self: string, nodes: readonly Node[]): Route[] {
  return nodes.flatMap((node) => {
    const via = node.status?.addresses?.find(({ type }) => type === 'InternalIP')?.address;
    const to = node.spec.podCIDR;
    return node.metadata.name === self || via === undefined || to === undefined ? [] : [{ to, via }];
  });
}

/** Keeps the node's routes as the view's nodes ask, until aborted. One `ip` runs at a time; a failure is told and tried again. */
export async function followPeers(view: View, self: string, env: Env, signal: AbortSignal): Promise<void> {
  let wake: (() => void) | undefined;
  let changed = true;
  const unsubscribe = view.onChange((changes) => {
    if (!changes.some(({ kind }) => kind === nodeKind)) return;
    changed = true;
    wake?.();
  });
  const onAbort = () => wake?.();
  signal.addEventListener('abort', onAbort);
  try {
    while (!signal.aborted) {
      if (!changed) await new Promise<void>((resolve) => (wake = resolve));
      changed = false;
      if (signal.aborted) return;
      try {
        await applyRoutes(peerRoutes(self, view.list(nodeKind)));
      } catch (error) {
        env.log.warn('Cannot set routes to other nodes, trying again', { error });
        changed = true;
        await env.sleep(retryMs, signal).catch(() => {});
      }
    }
  } finally {
    unsubscribe();
    signal.removeEventListener('abort', onAbort);
  }
}
