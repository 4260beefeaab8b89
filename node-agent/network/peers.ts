/**
 * Routes to the pods of other nodes: each node's pod range by way of its address, for nodes that share a network (host-gw). The kernel's table is
 * the truth: our routes carry a protocol number of their own, and what is there is read before it is changed.
 */
import { execFile } from 'node:child_process';
import type { View } from '#lib/client/types.ts';
import type { Env } from '#lib/env/env.ts';
import type { Node } from '#lib/kinds/gen/core-v1.ts';
import { node as nodeKind } from '#lib/kinds/node.ts';

export interface Route {
  /** Another node's pod range. */
  to: string;
  /** That node's address. */
  via: string;
}

/** Marks our routes in the kernel's table; a number that no routing daemon has registered. */
const protocol = 157;
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

/** `ip -batch` commands that turn the routes `present` into `wanted`; empty when they are the same. */
export function renderRouteChanges(present: readonly Route[], wanted: readonly Route[]): string {
  const has = (list: readonly Route[], route: Route) =>
    list.some(({ to, via }) => to === route.to && via === route.via);
  const added = wanted
    .filter((route) => !has(present, route))
    .map(({ to, via }) => `route replace ${to} via ${via} proto ${protocol}\n`);
  const removed = present
    .filter(({ to }) => !wanted.some((route) => route.to === to))
    .map(({ to }) => `route delete ${to} proto ${protocol}\n`);
  return [...removed, ...added].join('');
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

/** Makes our routes in this network namespace be these. */
export async function applyRoutes(wanted: readonly Route[]): Promise<void> {
  const present = (
    JSON.parse((await ip(['-json', 'route', 'show', 'proto', String(protocol)])) || '[]') as {
      dst: string;
      gateway?: string;
    }[]
  ).flatMap(({ dst, gateway }) => (gateway === undefined ? [] : [{ to: dst, via: gateway }]));
  const batch = renderRouteChanges(present, wanted);
  if (batch !== '') await ip(['-batch', '-'], batch);
}

function ip(args: readonly string[], input = ''): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile('ip', args, { timeout: 10_000 }, (error, stdout, stderr) =>
      error
        ? reject(new Error(`Cannot run ip ${args.join(' ')}: ${stderr.trim() || error.message}`, { cause: error }))
        : resolve(stdout),
    );
    // A program that ends without reading its input is judged by its exit code.
    child.stdin?.on('error', () => {});
    child.stdin?.end(input);
  });
}
