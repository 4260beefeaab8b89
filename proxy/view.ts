/** What the node must do with traffic to a Service: the routing table, from Services and their EndpointSlices. Pure. */
import { isIPv4 } from '#lib/meta/addresses.ts';
import type { Service, ServicePort, ServiceSpec } from '#lib/kinds/gen/core-v1.ts';
import type { Endpoint, EndpointSlice } from '#lib/kinds/gen/discovery-v1.ts';

export type Protocol = 'tcp' | 'udp' | 'sctp';

export interface Backend {
  address: string;
  port: number;
  /** On this node. */
  local: boolean;
}

/** Where traffic of one sort may go. */
export interface Target {
  backends: readonly Backend[];
  /** Without backends: tell the client, or stay silent because other nodes would serve it. */
  otherwise: 'reject' | 'drop';
}

/** One port of one Service. */
export interface Route {
  /** `namespace/service/protocol/port`, the port by its name where it has one. */
  key: string;
  protocol: Protocol;
  port: number;
  /** Cluster addresses: for clients inside. */
  clusterAddresses: readonly string[];
  /** External and load balancer addresses. */
  externalAddresses: readonly string[];
  /** Taken on all addresses of the node; undefined for none. */
  nodePort: number | undefined;
  /** For cluster addresses. */
  internal: Target;
  /** For external addresses and the node port, when the client is outside. */
  external: Target;
  /** Clients inside reach even external addresses by way of all backends. */
  everywhere: Target;
  /** Whether `external` keeps the client's address, which works only when it is `local` backends alone. */
  keepsClientAddress: boolean;
  /** How long a client stays with its backend; 0 for not at all. */
  affinitySeconds: number;
}

/** Marks a slice as belonging to a Service. */
export const serviceNameLabel = 'kubernetes.io/service-name';
const defaultAffinitySeconds = 10_800;

/** The routes of a Service on the node of this name. Headless and ExternalName Services have none. */
export function routesOf(service: Service, slices: readonly EndpointSlice[], nodeName: string): Route[] {
  const { spec, metadata } = service;
  const clusterAddresses = clusterAddressesOf(spec);
  if (clusterAddresses.length === 0) return [];
  const externalAddresses = [
    ...(spec.externalIPs ?? []),
    ...(service.status?.loadBalancer?.ingress ?? []).flatMap(({ ip, ipMode }) =>
      ip && ipMode !== 'Proxy' ? [ip] : [],
    ),
  ].filter(isIPv4);
  return (spec.ports ?? []).map((port) => {
    const all = backendsFor(port, slices, nodeName);
    const local = all.filter((backend) => backend.local);
    const internalLocal = spec.internalTrafficPolicy === 'Local';
    const externalLocal = spec.externalTrafficPolicy === 'Local' && spec.type !== 'ClusterIP';
    const everywhere = targetOf(all, false, all);
    return {
      key: `${metadata.namespace}/${metadata.name}/${protocolOf(port)}/${port.name || port.port}`,
      protocol: protocolOf(port),
      port: port.port,
      clusterAddresses,
      externalAddresses,
      nodePort: port.nodePort || undefined,
      internal: internalLocal ? targetOf(local, true, all) : everywhere,
      external: externalLocal ? targetOf(local, true, all) : everywhere,
      everywhere,
      keepsClientAddress: externalLocal,
      affinitySeconds: affinitySecondsOf(spec),
    };
  });
}

/** The IPv4 cluster addresses of a Service; none when it is headless or only a name for something outside. */
export function clusterAddressesOf({ type, clusterIP, clusterIPs }: ServiceSpec): string[] {
  if (type === 'ExternalName') return [];
  const addresses = clusterIPs?.length ? clusterIPs : clusterIP ? [clusterIP] : [];
  return addresses.filter(isIPv4);
}

/** Whether an endpoint takes new connections; conditions that are not known count as good. */
export function isReady({ conditions }: Endpoint): boolean {
  return conditions?.ready ?? true;
}

interface Candidate extends Backend {
  ready: boolean;
  serving: boolean;
}

/** Ready backends; failing those, the ones that still serve while they terminate. */
function usable(candidates: readonly Candidate[]): Backend[] {
  const ready = candidates.filter((candidate) => candidate.ready);
  const chosen = ready.length > 0 ? ready : candidates.filter((candidate) => candidate.serving);
  return chosen
    .map(({ address, port, local }) => ({ address, port, local }))
    .sort((a, b) => compare(a.address, b.address) || a.port - b.port);
}

function targetOf(candidates: readonly Candidate[], onlyLocal: boolean, all: readonly Candidate[]): Target {
  const backends = usable(candidates);
  const others = onlyLocal && backends.length === 0 && usable(all).length > 0;
  return { backends, otherwise: others ? 'drop' : 'reject' };
}

function backendsFor(port: ServicePort, slices: readonly EndpointSlice[], nodeName: string): Candidate[] {
  const found = new Map<string, Candidate>();
  for (const slice of slices) {
    if (slice.addressType !== 'IPv4') continue;
    const slicePort = slice.ports?.find(
      ({ name, protocol }) => (name ?? '') === (port.name ?? '') && (protocol ?? 'TCP') === (port.protocol ?? 'TCP'),
    );
    if (!slicePort?.port) continue;
    for (const endpoint of slice.endpoints ?? []) {
      const { conditions, nodeName: at } = endpoint;
      const ready = isReady(endpoint);
      const serving = (conditions?.serving ?? ready) && conditions?.terminating === true;
      for (const address of endpoint.addresses.slice(0, 1)) {
        const key = `${address}:${slicePort.port}`;
        // While an endpoint moves between slices it is in both; ready in one is ready.
        if (ready || !found.get(key)?.ready)
          found.set(key, { address, port: slicePort.port, local: at === nodeName, ready, serving });
      }
    }
  }
  return [...found.values()];
}

function protocolOf({ protocol = 'TCP' }: ServicePort): Protocol {
  return protocol.toLowerCase() as Protocol;
}

function affinitySecondsOf({ sessionAffinity, sessionAffinityConfig }: ServiceSpec): number {
  if (sessionAffinity !== 'ClientIP') return 0;
  return sessionAffinityConfig?.clientIP?.timeoutSeconds ?? defaultAffinitySeconds;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
