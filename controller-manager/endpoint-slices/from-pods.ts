/** The EndpointSlices of a Service that selects pods. */
import type { Action } from '#lib/control/types.ts';
import type { Pod, Service } from '#lib/kinds/gen/core-v1.ts';
import type { Endpoint, EndpointPort, EndpointSlice } from '#lib/kinds/gen/discovery-v1.ts';
import {
  addressesOf,
  headlessLabel,
  hostnameIn,
  isHeadless,
  isReachable,
  targetPortOf,
} from '../endpoints/reachable.ts';
import { isReady } from '../pods.ts';
import { managedByLabel, reconcileSlices, serviceNameLabel } from './slices.ts';
import type { Group } from './slices.ts';

export const managedByUs = 'endpointslice-controller.k8s.io';

export interface Seen {
  service: Service;
  /** Pods that the Service selects. */
  pods: Pod[];
  /** Slices of this Service that are ours. */
  slices: EndpointSlice[];
  /** The zone of a node. */
  zoneOf(nodeName: string): string | undefined;
}

export function decide(seen: Seen): Action[] {
  const { service, slices } = seen;
  if (!service.spec.selector || service.spec.type === 'ExternalName') return [];
  if (service.metadata.deletionTimestamp !== undefined) return [];
  const families = service.spec.ipFamilies ?? ['IPv4'];
  const groups = families.flatMap((family) => groupsOf(seen, family === 'IPv6' ? 'IPv6' : 'IPv4'));
  const current = slices.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  return reconcileSlices(groups, current, { owner: service, labels: labelsOf(service) });
}

function labelsOf(service: Service): Record<string, string> {
  const { labels, name } = service.metadata;
  const marked: Record<string, string> = { ...labels, [serviceNameLabel]: name, [managedByLabel]: managedByUs };
  if (isHeadless(service)) marked[headlessLabel] = '';
  else delete marked[headlessLabel];
  return marked;
}

function groupsOf(seen: Seen, addressType: Group['addressType']): Group[] {
  const { service, pods } = seen;
  const groups = new Map<string, Group>();
  for (const pod of pods) {
    const addresses = addressesOf(pod).filter((address) => address.includes(':') === (addressType === 'IPv6'));
    if (addresses.length === 0 || !isReachable(pod, true)) continue;
    const ports = portsOf(service, pod);
    const key = JSON.stringify(ports);
    const group = groups.getOrInsertComputed(key, () => ({ addressType, ports, endpoints: [] }));
    group.endpoints.push(endpointOf(seen, pod, addresses));
  }
  return groups.size > 0 ? [...groups.values()] : [{ addressType, ports: [], endpoints: [] }];
}

function portsOf(service: Service, pod: Pod): EndpointPort[] {
  return (service.spec.ports ?? []).flatMap((servicePort): EndpointPort[] => {
    const port = targetPortOf(pod, servicePort);
    if (port === undefined) return [];
    const { name = '', protocol = 'TCP', appProtocol } = servicePort;
    return [{ name, protocol, port, ...(appProtocol && { appProtocol }) }];
  });
}

function endpointOf({ service, zoneOf }: Seen, pod: Pod, addresses: string[]): Endpoint {
  const { nodeName } = pod.spec;
  const zone = nodeName ? zoneOf(nodeName) : undefined;
  const hostname = hostnameIn(service, pod);
  const serving = isReady(pod);
  const terminating = pod.metadata.deletionTimestamp !== undefined;
  const ready = service.spec.publishNotReadyAddresses === true || (serving && !terminating);
  const close = service.spec.trafficDistribution === 'PreferClose' && zone !== undefined && ready;
  const { namespace, name, uid } = pod.metadata;
  return {
    addresses,
    conditions: { ready, serving, terminating },
    ...(hostname && { hostname }),
    targetRef: { kind: 'Pod', namespace, name, uid },
    ...(nodeName && { nodeName }),
    ...(zone !== undefined && { zone }),
    ...(close && { hints: { forZones: [{ name: zone }] } }),
  };
}
