/**
 * The node's own part of the Service range: a route that covers it, so that local clients get as far as the rules that
 * translate, and the addresses the node answers itself. Both are on the loopback, where nothing leaves the node.
 */
import { run } from './command.ts';

export interface ServiceRange {
  serviceCidr: string;
  /** Source of local clients' traffic to Services. */
  nodeAddress: string;
  ownAddresses: readonly string[];
}

/** Puts route and addresses in place; there already is as good. */
export async function claimServiceRange({ serviceCidr, nodeAddress, ownAddresses }: ServiceRange): Promise<void> {
  const lines = [
    'link set lo up',
    ...ownAddresses.map((address) => `addr replace ${address}/32 dev lo`),
    `route replace ${serviceCidr} dev lo src ${nodeAddress}`,
  ];
  await run('ip', ['-batch', '-'], `${lines.join('\n')}\n`);
}

/** Takes back what claimServiceRange() did. */
export async function releaseServiceRange({ serviceCidr, ownAddresses }: ServiceRange): Promise<void> {
  const lines = [`route del ${serviceCidr} dev lo`, ...ownAddresses.map((address) => `addr del ${address}/32 dev lo`)];
  // Without -force it would stop at the first that is gone already.
  await run('ip', ['-force', '-batch', '-'], `${lines.join('\n')}\n`).catch(() => {});
}
