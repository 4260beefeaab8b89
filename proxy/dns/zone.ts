/** What the cluster's DNS knows: Services, their endpoints, and which names an address has. Changed Service by Service. */
import { isIPv4 } from '#lib/meta/addresses.ts';
import type { Service } from '#lib/kinds/gen/core-v1.ts';
import type { EndpointSlice } from '#lib/kinds/gen/discovery-v1.ts';
import { clusterAddressesOf, isReady } from '../view.ts';

export interface ZonePort {
  /** '' for a port without a name. */
  name: string;
  protocol: string;
  port: number;
}

/** A ready endpoint and the label it is found under. */
export interface ZoneEndpoint {
  hostname: string;
  address: string;
  ports: readonly ZonePort[];
}

export interface ZoneService {
  namespace: string;
  name: string;
  /** Empty for a headless Service. */
  clusterAddresses: readonly string[];
  ports: readonly ZonePort[];
  endpoints: readonly ZoneEndpoint[];
  /** Of an ExternalName Service, without a final dot. */
  externalName: string | undefined;
}

/** Reads a Service and its slices. */
export function zoneService(service: Service, slices: readonly EndpointSlice[]): ZoneService {
  const { metadata, spec } = service;
  const ports = (spec.ports ?? []).map(({ name = '', protocol = 'TCP', port }) => ({ name, protocol, port }));
  return {
    namespace: metadata.namespace!,
    name: metadata.name,
    clusterAddresses: clusterAddressesOf(spec),
    ports: ports.map(lowerProtocol),
    endpoints: slices.flatMap(endpointsOf),
    externalName: spec.type === 'ExternalName' ? spec.externalName?.toLowerCase().replace(/\.$/, '') : undefined,
  };
}

function endpointsOf({ addressType, endpoints, ports = [] }: EndpointSlice): ZoneEndpoint[] {
  if (addressType !== 'IPv4') return [];
  const known = ports.flatMap(({ name = '', protocol = 'TCP', port }) => (port ? [{ name, protocol, port }] : []));
  return (endpoints ?? []).filter(isReady).flatMap((endpoint) =>
    endpoint.addresses.filter(isIPv4).map((address) => ({
      hostname: endpoint.hostname?.toLowerCase() || address.replaceAll('.', '-'),
      address,
      ports: known.map(lowerProtocol),
    })),
  );
}

function lowerProtocol(port: ZonePort): ZonePort {
  return { ...port, protocol: port.protocol.toLowerCase() };
}

/** Namespace -> Services by name, and the names of addresses. */
export class Zone {
  readonly #namespaces = new Map<string, Map<string, ZoneService>>();
  /** Address -> Services it appears in, by their key. */
  readonly #byAddress = new Map<string, Map<string, ZoneService>>();

  set(service: ZoneService): void {
    this.remove(service.namespace, service.name);
    let services = this.#namespaces.get(service.namespace);
    if (!services) this.#namespaces.set(service.namespace, (services = new Map()));
    services.set(service.name, service);
    for (const address of addressesOf(service)) {
      let holders = this.#byAddress.get(address);
      if (!holders) this.#byAddress.set(address, (holders = new Map()));
      holders.set(keyOf(service), service);
    }
  }

  remove(namespace: string, name: string): void {
    const services = this.#namespaces.get(namespace);
    const before = services?.get(name);
    if (!services || !before) return;
    services.delete(name);
    if (services.size === 0) this.#namespaces.delete(namespace);
    for (const address of addressesOf(before)) {
      const holders = this.#byAddress.get(address);
      holders?.delete(keyOf(before));
      if (holders?.size === 0) this.#byAddress.delete(address);
    }
  }

  service(namespace: string, name: string): ZoneService | undefined {
    return this.#namespaces.get(namespace)?.get(name);
  }

  hasNamespace(namespace: string): boolean {
    return this.#namespaces.has(namespace);
  }

  /** Names of an address relative to the cluster's domain: the Service's for its own, the endpoint's for an endpoint. */
  namesOf(address: string): string[] {
    const names: string[] = [];
    for (const service of this.#byAddress.get(address)?.values() ?? []) {
      const base = `${service.name}.${service.namespace}.svc`;
      if (service.clusterAddresses.includes(address)) names.push(base);
      for (const endpoint of service.endpoints)
        if (endpoint.address === address) names.push(`${endpoint.hostname}.${base}`);
    }
    return [...new Set(names)];
  }
}

function addressesOf({ clusterAddresses, endpoints }: ZoneService): Set<string> {
  return new Set([...clusterAddresses, ...endpoints.map(({ address }) => address)]);
}

function keyOf({ namespace, name }: ZoneService): string {
  return `${namespace}/${name}`;
}
