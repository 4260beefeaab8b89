/**
 * The node holds the whole Service range as its own, by one local route. So traffic of the node itself gets as far as the rules that
 * translate it; the cluster's DNS can listen on its Service address; and what nothing translates ends here, where it is refused,
 * instead of wandering off by the default route.
 */
import { run } from './command.ts';

export interface ServiceRange {
  serviceCidr: string;
  /** Source of the node's own traffic to Services. */
  nodeAddress: string;
}

/** Puts the route in place; there already is as good. */
export async function claimServiceRange({ serviceCidr, nodeAddress }: ServiceRange): Promise<void> {
  await run('ip', ['route', 'replace', 'local', serviceCidr, 'dev', 'lo', 'src', nodeAddress]);
}

/** Takes the route away, if it is there. */
export async function releaseServiceRange({ serviceCidr }: ServiceRange): Promise<void> {
  const args = ['route', 'del', 'local', serviceCidr, 'dev', 'lo'];
  await run('ip', args).catch((error: unknown) => {
    if (!(error instanceof Error) || !/No such process/.test(error.message)) throw error;
  });
}
