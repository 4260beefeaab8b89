/** The Endpoints object of a Service: its pods' addresses, those with the same ports together. */
import type { Action } from '#lib/control/types.ts';
import { endpoints as endpointsKind } from '#lib/kinds/endpoints.ts';
import type { EndpointAddress, EndpointPort, Endpoints, EndpointSubset, Pod, Service } from '#lib/kinds/gen/core-v1.ts';
import { equal } from '#lib/meta/equal.ts';
import { isReady } from '../pods.ts';
import { addressesOf, headlessLabel, hostnameIn, isHeadless, isReachable, targetPortOf } from './reachable.ts';

export interface Seen {
  /** Undefined when the Service is gone. */
  service: Service | undefined;
  endpoints: Endpoints | undefined;
  /** Pods that the Service selects. */
  pods: Pod[];
}

/** More addresses than this are cut off, ready ones last; upstream notes it in the annotation. */
const addressLimit = 1000;
const overCapacity = 'endpoints.kubernetes.io/over-capacity';

export function decide({ service, endpoints, pods }: Seen): Action[] {
  if (!service) return endpoints ? [remove(endpoints)] : [];
  const { selector, type } = service.spec;
  if (!selector || type === 'ExternalName' || service.metadata.deletionTimestamp !== undefined) return [];
  const { subsets, truncated } = cut(subsetsOf(service, pods));
  const labels = labelsOf(service);
  const annotations = { ...endpoints?.metadata.annotations };
  if (truncated) annotations[overCapacity] = 'truncated';
  else delete annotations[overCapacity];
  if (!endpoints) {
    const { name, namespace } = service.metadata;
    const object = { metadata: { name, namespace, labels, annotations }, subsets };
    return [{ do: 'create', kind: endpointsKind, object, report: failureOn(service, 'create') }];
  }
  const { metadata } = endpoints;
  const same =
    equal(subsets, endpoints.subsets ?? []) &&
    equal(labels, metadata.labels ?? {}) &&
    equal(annotations, metadata.annotations ?? {});
  if (same) return [];
  const object: Endpoints = { ...endpoints, metadata: { ...metadata, labels, annotations }, subsets };
  return [{ do: 'update', kind: endpointsKind, object, report: failureOn(endpoints, 'update') }];
}

function failureOn(regarding: Service | Endpoints, verb: 'create' | 'update') {
  const { namespace, name } = regarding.metadata;
  const reason = verb === 'create' ? 'FailedToCreateEndpoint' : 'FailedToUpdateEndpoint';
  const message = `Failed to ${verb} endpoint ${verb === 'create' ? 'for service ' : ''}${namespace}/${name}: {error}`;
  return { regarding, failed: { reason, message } };
}

function labelsOf(service: Service): Record<string, string> {
  const labels = { ...service.metadata.labels };
  if (isHeadless(service)) labels[headlessLabel] = '';
  else delete labels[headlessLabel];
  return labels;
}

/** Pods grouped by the ports they offer, addresses in order, so that the same pods always give the same text. */
function subsetsOf(service: Service, pods: readonly Pod[]): EndpointSubset[] {
  const groups = new Map<string, { ports: EndpointPort[]; ready: EndpointAddress[]; unready: EndpointAddress[] }>();
  const notReadyToo = service.spec.publishNotReadyAddresses === true;
  for (const pod of pods) {
    if (!isReachable(pod, notReadyToo)) continue;
    const address = addressOf(service, pod);
    const ports = portsOf(service, pod);
    if (!address || !ports) continue;
    const group = groups.getOrInsertComputed(JSON.stringify(ports), () => ({ ports, ready: [], unready: [] }));
    (notReadyToo || isReady(pod) ? group.ready : group.unready).push(address);
  }
  return [...groups.entries()]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([, { ports, ready, unready }]) => ({
      ...(ready.length > 0 && { addresses: ready.toSorted(byAddress) }),
      ...(unready.length > 0 && { notReadyAddresses: unready.toSorted(byAddress) }),
      ...(ports.length > 0 && { ports }),
    }));
}

function byAddress(a: EndpointAddress, b: EndpointAddress): number {
  if (a.ip !== b.ip) return a.ip < b.ip ? -1 : 1;
  return (a.targetRef?.uid ?? '') < (b.targetRef?.uid ?? '') ? -1 : 1;
}

function addressOf(service: Service, pod: Pod): EndpointAddress | undefined {
  const wantsV6 = service.spec.ipFamilies?.[0] === 'IPv6';
  const ip = addressesOf(pod).find((address) => address.includes(':') === wantsV6);
  if (ip === undefined) return undefined;
  const hostname = hostnameIn(service, pod);
  const { namespace, name, uid } = pod.metadata;
  return {
    ip,
    ...(hostname && { hostname }),
    ...(pod.spec.nodeName && { nodeName: pod.spec.nodeName }),
    targetRef: { kind: 'Pod', namespace, name, uid },
  };
}

/** Undefined for a pod that offers none of the Service's ports; a headless Service may have none at all. */
function portsOf(service: Service, pod: Pod): EndpointPort[] | undefined {
  const wanted = service.spec.ports ?? [];
  if (wanted.length === 0) return isHeadless(service) ? [] : undefined;
  const ports = wanted.flatMap((servicePort): EndpointPort[] => {
    const port = targetPortOf(pod, servicePort);
    if (port === undefined) return [];
    const { name, protocol = 'TCP', appProtocol } = servicePort;
    return [{ ...(name && { name }), port, protocol, ...(appProtocol && { appProtocol }) }];
  });
  return ports.length > 0 ? ports : undefined;
}

function cut(subsets: EndpointSubset[]): { subsets: EndpointSubset[]; truncated: boolean } {
  const ready = subsets.reduce((sum, { addresses = [] }) => sum + addresses.length, 0);
  const unready = subsets.reduce((sum, { notReadyAddresses = [] }) => sum + notReadyAddresses.length, 0);
  if (ready + unready <= addressLimit) return { subsets, truncated: false };
  let readyLeft = addressLimit;
  let unreadyLeft = Math.max(0, addressLimit - ready);
  const kept = subsets.map((subset) => {
    const addresses = subset.addresses?.slice(0, readyLeft);
    const notReadyAddresses = subset.notReadyAddresses?.slice(0, unreadyLeft);
    readyLeft -= addresses?.length ?? 0;
    unreadyLeft -= notReadyAddresses?.length ?? 0;
    return {
      ...(addresses?.length && { addresses }),
      ...(notReadyAddresses?.length && { notReadyAddresses }),
      ...(subset.ports && { ports: subset.ports }),
    };
  });
  return { subsets: kept.filter((subset) => subset.addresses ?? subset.notReadyAddresses), truncated: true };
}

function remove({ metadata }: Endpoints): Action {
  const target = { namespace: metadata.namespace!, name: metadata.name };
  return { do: 'delete', kind: endpointsKind, target, uid: metadata.uid };
}
