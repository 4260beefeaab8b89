/** Where a webhook is asked: at its URL, or at one of the endpoints of its Service. Pure but for what is looked up. */
import { endpoints as endpointsKind } from '#lib/kinds/endpoints.ts';
import type { WebhookClientConfig } from '#lib/kinds/gen/admissionregistration-v1.ts';
import { service as serviceKind } from '#lib/kinds/service.ts';
import type { Lookup } from '../admission/types.ts';
import { serviceTarget } from '../proxy/target.ts';

export interface Address {
  /** As the request is told of in errors. */
  url: string;
  host: string;
  port: number;
  path: string;
  /** The name that its certificate must be for. */
  serverName: string;
}

/** `chance`, from 0 up to 1, chooses among endpoints. Throws Error where there is none. */
export function addressOf({ url, service }: WebhookClientConfig, look: Lookup, chance: number): Address {
  if (!service) {
    const { hostname, port, pathname, search } = new URL(url ?? '');
    const host = hostname.replace(/^\[(.*)\]$/, '$1');
    return { url: url ?? '', host, port: Number(port || 443), path: pathname + search, serverName: host };
  }
  const { namespace, name, path = '/', port = 443 } = service;
  const serverName = `${name}.${namespace}.svc`;
  const found = look.get(serviceKind, { namespace, name });
  if (!found) throw new Error(`failed to call webhook: service ${JSON.stringify(name)} not found`);
  const wish = { scheme: 'https', name, port: String(port) } as const;
  // Whoever configures admission may reach anything: whether a pod stands behind the address does not matter.
  const target = serviceTarget(found, look.get(endpointsKind, { namespace, name }), wish, chance, () => true);
  return { url: `https://${serverName}:${port}${path}`, host: target.host, port: target.port, path, serverName };
}
