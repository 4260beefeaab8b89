/**
 * UDP flows that conntrack would keep sending to a backend that is gone, or past a Service that had none. TCP clients see a reset
 * and connect anew; UDP clients may send on for ever.
 */
import type { Env } from '#lib/env/env.ts';
import { runCommand } from '#lib/env/command.ts';
import type { Route } from './view.ts';

/** What to delete: flows to this address or port, of one backend or (without) those that were not translated. */
export interface StaleFlow {
  address?: string;
  port: number;
  backend?: string;
}

/** The flows that are stale once `after` has taken the place of `before` (undefined: no such route). Pure. */
export function staleFlows(before: Route | undefined, after: Route | undefined): StaleFlow[] {
  const route = after ?? before;
  if (!route || route.protocol !== 'udp') return [];
  const old = new Set(before?.everywhere.backends.map(({ address }) => address));
  const now = new Set(after?.everywhere.backends.map(({ address }) => address));
  const gone = [...old.difference(now)];
  const flows: StaleFlow[] = [];
  const openings = openingsOf(before ?? route);
  for (const opening of openings) for (const backend of gone) flows.push({ ...opening, backend });
  if (old.size === 0 && now.size > 0) flows.push(...openingsOf(route));
  return flows;
}

function openingsOf({ clusterAddresses, externalAddresses, nodePort, port }: Route): StaleFlow[] {
  return [
    ...[...clusterAddresses, ...externalAddresses].map((address) => ({ address, port })),
    ...(nodePort === undefined ? [] : [{ port: nodePort }]),
  ];
}

/** Deletes these flows, one after the other; a failure is logged, for traffic elsewhere must not wait for it. */
export async function deleteFlows(flows: readonly StaleFlow[], env: Env): Promise<void> {
  for (const { address, port, backend } of flows) {
    const args = ['-D', '-p', 'udp', '--orig-port-dst', String(port)];
    if (address) args.push('--orig-dst', address);
    if (backend) args.push('--dst-nat', backend);
    const { exitCode, stderr } = await runCommand('conntrack', args);
    // Ending with 1 and this sentence only says that there were none.
    if (exitCode === 0 || /\b0 flow entries/.test(stderr)) continue;
    env.log.warn('Cannot delete stale flows', { address, port, backend, error: stderr.trim() });
  }
}
