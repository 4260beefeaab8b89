/** Starts the proxy of a node, in the node's network namespace: rules for Services, and the cluster's DNS. */
import { connect } from '#lib/client/connect.ts';
import type { ClientConfig } from '#lib/client/connect.ts';
import type { Client, ViewChange } from '#lib/client/types.ts';
import { makeView } from '#lib/client/view.ts';
import type { Env } from '#lib/env/env.ts';
import type { Service as Running } from '#lib/env/service.ts';
import { endpointSlice } from '#lib/kinds/endpoint-slice.ts';
import type { EndpointSlice } from '#lib/kinds/gen/discovery-v1.ts';
import { service } from '#lib/kinds/service.ts';
import { keyOf, refOf } from '#lib/meta/object.ts';
import type { Resource } from '#lib/meta/object.ts';
import { makeForward } from './dns/forward.ts';
import { makeRespond } from './dns/respond.ts';
import { listen } from './dns/server.ts';
import type { DnsServer } from './dns/server.ts';
import { nodeNameServers } from './dns/upstream.ts';
import { Zone, zoneService } from './dns/zone.ts';
import { removeNftTable } from './nft/apply.ts';
import { makeRules } from './rules.ts';
import { claimServiceRange, releaseServiceRange } from './service-range.ts';
import type { ServiceRange } from './service-range.ts';
import { routesOf, serviceNameLabel } from './view.ts';

export interface ProxyConfig {
  nodeName: string;
  server: ClientConfig;
  /** Addresses of pods, of all nodes. */
  clusterCidr: string;
  serviceCidr: string;
  /** Node ports are taken on these; the first is the source of the node's own traffic to Services. */
  nodeAddresses: string[];
  /** The nftables table; `wherry_proxy` when absent. */
  table?: string;
  /** Absent for a node without DNS. */
  dns?: DnsConfig;
}

export interface DnsConfig {
  /** The Service address that pods ask; the node answers it itself. */
  address: string;
  domain: string;
  /** Name servers for other names; those of the node's resolv.conf when absent. */
  upstream?: string[];
}

const defaultTable = 'wherry_proxy';
const bySlice = 'service';

/** Starts; returns before the first rules are in place, which may have to wait for the API server. */
export async function start(config: ProxyConfig, env: Env): Promise<Running> {
  const client = connect(config.server, env);
  const proxy = await runProxy(config, client, env);
  return {
    async stop() {
      await proxy.stop();
      client.close();
    },
  };
}

/** Removes all that a proxy of this configuration, running or not, has put into the network namespace. */
export async function tearDown(config: Omit<ProxyConfig, 'server'>): Promise<void> {
  await removeNftTable(config.table ?? defaultTable);
  await releaseServiceRange(rangeOf(config));
}

/** Runs over `client`. Stopping leaves the rules in place: connections go on while the proxy restarts. */
export async function runProxy(config: Omit<ProxyConfig, 'server'>, client: Client, env: Env): Promise<Running> {
  const stopping = new AbortController();
  await claimServiceRange(rangeOf(config));
  const targets = [{ kind: service }, { kind: endpointSlice }];
  const indexes = { [bySlice]: { kind: endpointSlice, values: (slice: EndpointSlice) => serviceKeysOf(slice) } };
  const view = makeView(client, targets, { env, signal: stopping.signal, indexes });
  const slicesOf = (key: string) => view.indexed(endpointSlice, bySlice, key);

  const { clusterCidr, serviceCidr, nodeAddresses, nodeName, table = defaultTable, dns } = config;
  const ownAddresses = dns ? [dns.address] : [];
  const options = { table, clusterCidr, serviceCidr, nodeAddresses, ownAddresses };
  const currentRoutes = (key: string) => {
    const object = view.get(service, refOf(key));
    if (!object || ownAddresses.includes(object.spec.clusterIP ?? '')) return [];
    return routesOf(object, slicesOf(key), nodeName);
  };
  const rules = makeRules(options, currentRoutes, env);
  const zone = new Zone();
  const server = dns && (await startDns(dns, zone, env));

  const update = (keys: Iterable<string>) => {
    for (const key of keys) {
      rules.note(key);
      const object = view.get(service, refOf(key));
      if (object) zone.set(zoneService(object, slicesOf(key)));
      else zone.remove(refOf(key).namespace, refOf(key).name);
    }
  };
  const stopFollowing = view.onChange((changes) => update(servicesIn(changes)));
  void view.ready(stopping.signal).then(
    () => {
      update(view.list(service).map(({ metadata }) => keyOf(metadata)));
      rules.load();
    },
    () => env.log.debug('Stopped before the first state was complete'),
  );
  return {
    async stop() {
      stopping.abort(new Error('The proxy stops'));
      stopFollowing();
      await Promise.all([rules.stop(), server?.stop()]);
    },
  };
}

async function startDns(dns: DnsConfig, zone: Zone, env: Env): Promise<DnsServer> {
  const forward = makeForward(dns.upstream ?? (await nodeNameServers(dns.address)), env);
  return listen(dns.address, 53, makeRespond(zone, dns, forward, env), env);
}

function rangeOf({ serviceCidr, nodeAddresses }: Omit<ProxyConfig, 'server'>): ServiceRange {
  const [nodeAddress] = nodeAddresses;
  if (nodeAddress === undefined) throw new Error('Cannot start the proxy: nodeAddresses is empty');
  return { serviceCidr, nodeAddress };
}

/** The Services that changes speak of. */
function servicesIn(changes: readonly ViewChange[]): Set<string> {
  const keys = new Set<string>();
  for (const { kind, object, before } of changes) {
    for (const state of [object, before]) {
      if (!state) continue;
      if (kind === endpointSlice) for (const key of serviceKeysOf(state)) keys.add(key);
      else keys.add(keyOf(state.metadata));
    }
  }
  return keys;
}

function serviceKeysOf({ metadata }: Resource): string[] {
  const name = metadata.labels?.[serviceNameLabel];
  return name ? [keyOf({ namespace: metadata.namespace, name })] : [];
}
