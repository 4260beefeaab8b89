/** Routes that we keep in the kernel's table, marked as ours; the table is the truth, and is read before it is changed. */
import { demandCommand } from '#lib/env/command.ts';

export interface Route {
  /** Another node's pod range. */
  to: string;
  /** That node's address. */
  via: string;
}

/** Marks our routes in the kernel's table; a number that no routing daemon has registered. */
const protocol = 157;
/** Makes our routes in this network namespace be these. */
export async function applyRoutes(wanted: readonly Route[]): Promise<void> {
  const present = (
    JSON.parse(
      (await demandCommand('list routes', 'ip', ['-json', 'route', 'show', 'proto', String(protocol)])) || '[]',
    ) as {
      dst: string;
      gateway?: string;
    }[]
  ).flatMap(({ dst, gateway }) => (gateway === undefined ? [] : [{ to: dst, via: gateway }]));
  const batch = renderRouteChanges(present, wanted);
  if (batch !== '') await demandCommand('set routes', 'ip', ['-batch', '-'], batch);
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
