/**
 * The node holds the whole Service range as its own, by one local route. So traffic of the node itself gets as far as the rules that
 * translate it; the cluster's DNS can listen on its Service address; and what nothing translates ends here, where it is refused,
 * instead of wandering off by the default route.
 */
import { demandCommand, runCommand } from '#lib/env/command.ts';

export interface ServiceRange {
  serviceCidr: string;
  /** Source of the node's own traffic to Services. */
  nodeAddress: string;
}

/** Puts the route in place; there already is as good. */
export async function claimServiceRange({ serviceCidr, nodeAddress }: ServiceRange): Promise<void> {
  const route = ['route', 'replace', 'local', serviceCidr, 'dev', 'lo', 'src', nodeAddress];
  await demandCommand('claim the Service range', 'ip', route);
}

/** Takes the route away, if it is there. */
export async function releaseServiceRange({ serviceCidr }: ServiceRange): Promise<void> {
  const args = ['route', 'del', 'local', serviceCidr, 'dev', 'lo'];
  const { exitCode, stderr } = await runCommand('ip', args);
  if (exitCode !== 0 && !stderr.includes('No such process')) {
    throw new Error(`Cannot release the Service range: ${stderr.trim()}`);
  }
}
