/** Who holds which cluster IP and node port: the ranges, and the comparison with the Services that should hold them. */
import type { Env } from '#lib/env/env.ts';
import type { Service } from '#lib/kinds/gen/core-v1.ts';
import { service as serviceKind } from '#lib/kinds/service.ts';
import { addressRange, numberRange } from '#lib/meta/ranges.ts';
import type { Lookup } from './admission/types.ts';
import type { Store } from './store/types.ts';
import { makeClaims } from './verbs/claims.ts';
import type { Claims } from './verbs/claims.ts';
import { addressesOf, holderOf, nodePortsOf } from './verbs/service-addresses.ts';

/** How often claims are compared with Services. */
const repairEveryMs = 180_000;

/** Of the addresses of a block such as `10.43.0.0/16`. The lower part is left to those who ask for an address by name, as upstream does. */
export function makeIpClaims(store: Store, env: Env, cidr: string): Claims {
  const range = addressRange(cidr);
  return makeClaims(store, env, 'service-ips', range, Math.min(Math.max(16, Math.floor(range.size / 16)), 256));
}

/** Of ports such as `30000-32767`; the lower part as above. */
export function makePortClaims(store: Store, env: Env, text: string): Claims {
  const range = numberRange(text);
  return makeClaims(store, env, 'node-ports', range, Math.min(Math.max(16, Math.floor(range.size / 32)), 128));
}

/** Compares at once and then again and again; a failure waits for the next time. Returns the way to stop. */
export function repairClaims(ips: Claims, ports: Claims, look: Lookup, env: Env): () => void {
  let cancel = () => {};
  let stopped = false;
  const round = () => {
    repair(look, ips, ports)
      .catch((error: unknown) => {
        if (!stopped) env.log.warn('Cannot compare claims with Services, trying again later', { error });
      })
      .finally(() => {
        if (!stopped) cancel = env.after(repairEveryMs, round);
      });
  };
  round();
  return () => {
    stopped = true;
    cancel();
  };
}

async function repair(look: Lookup, ips: Claims, ports: Claims): Promise<void> {
  const services: Service[] = [...look.list(serviceKind, '')];
  const holders = (itemsOf: (service: Service) => string[]) =>
    new Map(services.flatMap((service) => itemsOf(service).map((item) => [item, holderOf(service)] as const)));
  await Promise.all([ips.repair(holders(addressesOf)), ports.repair(holders(nodePortsOf))]);
}
