/** EndpointSlices that mirror an Endpoints object which its user keeps, for a Service without a selector. */
import type { Action } from '#lib/control/types.ts';
import { endpointSlice } from '#lib/kinds/endpoint-slice.ts';
import type { EndpointAddress, Endpoints, EndpointSubset, Service } from '#lib/kinds/gen/core-v1.ts';
import type { Endpoint, EndpointSlice } from '#lib/kinds/gen/discovery-v1.ts';
import { managedByLabel, reconcileSlices, serviceNameLabel } from './slices.ts';
import type { Group } from './slices.ts';

export const managedByMirror = 'endpointslicemirroring-controller.k8s.io';

const skipLabel = 'endpointslice.kubernetes.io/skip-mirror';
const notMirrored: ReadonlySet<string> = new Set([
  'kubectl.kubernetes.io/last-applied-configuration',
  'endpoints.kubernetes.io/last-change-trigger-time',
]);

export interface Seen {
  endpoints: Endpoints | undefined;
  service: Service | undefined;
  /** Slices that mirror this object. */
  slices: EndpointSlice[];
}

export function decide({ endpoints, service, slices }: Seen): Action[] {
  if (!endpoints || !service || !isMirrored(endpoints, service)) return slices.map(remove);
  const { name, labels = {}, annotations = {} } = endpoints.metadata;
  const groups = merged((endpoints.subsets ?? []).flatMap(groupsOf));
  return reconcileSlices(groups, slices, {
    owner: endpoints,
    labels: { ...labels, [serviceNameLabel]: name, [managedByLabel]: managedByMirror },
    annotations: Object.fromEntries(Object.entries(annotations).filter(([key]) => !notMirrored.has(key))),
  });
}

function isMirrored({ metadata }: Endpoints, { spec }: Service): boolean {
  if (metadata.labels?.[skipLabel] === 'true' || metadata.deletionTimestamp !== undefined) return false;
  if (metadata.annotations?.['control-plane.alpha.kubernetes.io/leader'] !== undefined) return false;
  return spec.selector === undefined || Object.keys(spec.selector).length === 0;
}

function groupsOf({ addresses = [], notReadyAddresses = [], ports = [] }: EndpointSubset): Group[] {
  const all = [
    ...addresses.map((each) => endpointOf(each, true)),
    ...notReadyAddresses.map((each) => endpointOf(each, false)),
  ];
  const slicePorts = ports.map(({ name = '', port, protocol = 'TCP', appProtocol }) => ({
    name,
    port,
    protocol,
    ...(appProtocol && { appProtocol }),
  }));
  const byType = Map.groupBy(all, (endpoint) => (endpoint.addresses[0]!.includes(':') ? 'IPv6' : 'IPv4'));
  return [...byType].map(([addressType, endpoints]) => ({ addressType, ports: slicePorts, endpoints }));
}

/** Subsets with the same ports share slices. */
function merged(groups: readonly Group[]): Group[] {
  const byKey = Map.groupBy(groups, ({ addressType, ports }) => JSON.stringify([addressType, ports]));
  return [...byKey.values()].map((same) => ({ ...same[0]!, endpoints: same.flatMap(({ endpoints }) => endpoints) }));
}

function endpointOf({ ip, hostname, nodeName, targetRef }: EndpointAddress, ready: boolean): Endpoint {
  return {
    addresses: [ip],
    conditions: { ready },
    ...(hostname && { hostname }),
    ...(nodeName && { nodeName }),
    ...(targetRef && { targetRef }),
  };
}

function remove({ metadata }: EndpointSlice): Action {
  const target = { namespace: metadata.namespace!, name: metadata.name };
  return { do: 'delete', kind: endpointSlice, target, uid: metadata.uid };
}
