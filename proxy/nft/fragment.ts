/** A route as pieces of an nftables table: chains, sets and elements of the table's maps. Pure. */
import type { Backend, Route, Target } from '../view.ts';

/** Maps and sets that all routes share; the table declares them. */
export type Collection = 'service_ips' | 'node_ports' | 'refused' | 'refused_node_ports' | 'hairpin';

export interface Element {
  collection: Collection;
  key: string;
  /** The verdict, in a map. */
  value?: string;
}

export interface Fragment {
  /** Chain name -> rules. */
  chains: ReadonlyMap<string, readonly string[]>;
  /** Sets that remember clients of a backend: name -> seconds. */
  clients: ReadonlyMap<string, number>;
  elements: readonly Element[];
}

/** The bit that asks for masquerading on the way out; upstream's choice. */
export const masqueradeMark = '0x4000';

/** What a route adds to the table. Pods are in `clusterCidr`. */
export function fragmentOf(route: Route, clusterCidr: string): Fragment {
  const chains = new Map<string, readonly string[]>();
  const clients = new Map<string, number>();
  const elements: Element[] = [];
  const { key, protocol, port, everywhere, internal, external, affinitySeconds } = route;

  /** The chain that leads to a target's backends, made when first asked for. */
  const chainFor = (target: Target): string | undefined => {
    if (target.backends.length === 0) return undefined;
    const name = `${target === everywhere ? 'service' : 'local'}/${key}`;
    if (!chains.has(name)) {
      chains.set(
        name,
        affinitySeconds > 0
          ? stickyRules(key, affinitySeconds, target.backends)
          : [spreadRule(protocol, target.backends)],
      );
      if (affinitySeconds > 0) for (const backend of target.backends) addBackend(backend);
    }
    return name;
  };
  const addBackend = (backend: Backend) => {
    chains.set(backendChain(key, backend), [
      `update @${clientsSet(key, affinitySeconds, backend)} { ip saddr }`,
      `meta l4proto ${protocol} dnat to ${backend.address}:${backend.port}`,
    ]);
    clients.set(clientsSet(key, affinitySeconds, backend), affinitySeconds);
  };
  const refusal = (target: Target) => (target.otherwise === 'drop' ? 'drop' : 'goto refuse');

  const inside = chainFor(internal);
  for (const address of route.clusterAddresses) {
    const at = `${address} . ${protocol} . ${port}`;
    if (inside) elements.push({ collection: 'service_ips', key: at, value: `goto ${inside}` });
    else elements.push({ collection: 'refused', key: at, value: refusal(internal) });
  }
  if (route.externalAddresses.length > 0 || route.nodePort !== undefined) {
    const outside = chainFor(external);
    const all = chainFor(everywhere);
    if (all) chains.set(`external/${key}`, externalRules(route, clusterCidr, all, outside));
    const put = (open: Collection, closed: Collection, at: string) => {
      if (all) elements.push({ collection: open, key: at, value: `goto external/${key}` });
      if (!outside) elements.push({ collection: closed, key: at, value: refusal(external) });
    };
    for (const address of route.externalAddresses) put('service_ips', 'refused', `${address} . ${protocol} . ${port}`);
    if (route.nodePort !== undefined) put('node_ports', 'refused_node_ports', `${protocol} . ${route.nodePort}`);
  }
  for (const address of new Set(everywhere.backends.filter(({ local }) => local).map((backend) => backend.address)))
    elements.push({ collection: 'hairpin', key: `${address} . ${address}` });
  return { chains, clients, elements };
}

/** Traffic from outside: the client's address is kept when only local backends serve it, else replies must come back here. */
function externalRules(route: Route, clusterCidr: string, all: string, outside: string | undefined): string[] {
  if (!route.keepsClientAddress) return [`meta mark set meta mark | ${masqueradeMark}`, `goto ${all}`];
  return [
    `ip saddr ${clusterCidr} goto ${all}`,
    `fib saddr type local goto ${all}`,
    ...(outside ? [`goto ${outside}`] : []),
  ];
}

function spreadRule(protocol: string, backends: readonly Backend[]): string {
  const [only] = backends;
  if (backends.length === 1) return `meta l4proto ${protocol} dnat to ${only!.address}:${only!.port}`;
  const choices = backends.map(({ address, port }, i) => `${i} : ${address} . ${port}`);
  return `meta l4proto ${protocol} dnat ip to numgen random mod ${backends.length} map { ${choices.join(', ')} }`;
}

/** A client goes back to the backend that remembers it. */
function stickyRules(key: string, affinitySeconds: number, backends: readonly Backend[]): string[] {
  const choices = backends.map((backend, i) => `${i} : goto ${backendChain(key, backend)}`);
  return [
    ...backends.map(
      (backend) => `ip saddr @${clientsSet(key, affinitySeconds, backend)} goto ${backendChain(key, backend)}`,
    ),
    `numgen random mod ${backends.length} vmap { ${choices.join(', ')} }`,
  ];
}

function backendChain(key: string, { address, port }: Backend): string {
  return `backend/${key}/${address}/${port}`;
}

/** The name tells the time, since a set cannot change it. */
function clientsSet(key: string, seconds: number, { address, port }: Backend): string {
  return `clients/${seconds}/${key}/${address}/${port}`;
}
