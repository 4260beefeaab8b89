/** Keeps the endpoints of the `kubernetes` Service to the API servers that live. */
import type { Env } from '#lib/env/env.ts';
import { endpointSlice } from '#lib/kinds/endpoint-slice.ts';
import { endpoints } from '#lib/kinds/endpoints.ts';
import type { Lookup } from '../admission/types.ts';
import { ensure } from '../ensure.ts';
import type { Verbs } from '../verbs/types.ts';
import type { MemberLeases } from './leases.ts';

export interface AnnounceOptions {
  leases: MemberLeases;
  verbs: Verbs;
  look: Lookup;
  /** Of every server, as with upstream. */
  port: number;
  env: Env;
}

export interface Announcement {
  /** Takes this server off the list, as well as it can, unless it is the last: where nobody lives, clients had better know where somebody will. */
  stop(): Promise<void>;
}

/** How often this server shows that it lives, and looks who else does. */
const renewEveryMs = 5000;

/** An etcd that does not answer does not keep a server from stopping. */
const leaveWithinMs = 1000;

/** How soon it tries again after a failure. */
const retryAfterMs = 1000;

/** Resolves when this server is listed, or could not be: that is tried again, like all that fails later. */
export async function announce({ leases, verbs, look, port, env }: AnnounceOptions): Promise<Announcement> {
  let cancel = () => {};
  let stopped = false;
  const list = async () => {
    const addresses = await leases.list();
    if (addresses.length > 0) await ensureEndpoints(verbs, look, addresses, port);
  };
  const renew = async () => {
    let nextMs = renewEveryMs;
    try {
      await leases.renew();
      await list();
    } catch (error) {
      env.log.warn('Cannot tell that this API server lives, trying again', { error });
      nextMs = retryAfterMs;
    }
    if (!stopped) cancel = env.after(nextMs, () => (round = renew()));
  };
  let round = renew();
  await round;
  return {
    async stop() {
      stopped = true;
      cancel();
      const leave = async () => {
        await round;
        await leases.remove();
        await list();
      };
      const failed = (error: unknown) => env.log.warn('Cannot tell that this API server stops', { error });
      await Promise.race([leave().catch(failed), env.sleep(leaveWithinMs)]);
    },
  };
}

async function ensureEndpoints(verbs: Verbs, look: Lookup, addresses: readonly string[], port: number): Promise<void> {
  const ports = [{ name: 'https', port, protocol: 'TCP' }];
  const subsets = [{ addresses: addresses.map((ip) => ({ ip })), ports }];
  const metadata = { name: 'kubernetes', labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } };
  await ensure(verbs, look, endpoints, 'default', { metadata, subsets }, ['subsets']);
  const slice = {
    metadata: { name: 'kubernetes', labels: { 'kubernetes.io/service-name': 'kubernetes' } },
    addressType: addresses[0]!.includes(':') ? 'IPv6' : 'IPv4',
    endpoints: addresses.map((address) => ({ addresses: [address], conditions: { ready: true } })),
    ports,
  };
  await ensure(verbs, look, endpointSlice, 'default', slice, ['endpoints', 'ports']);
}
