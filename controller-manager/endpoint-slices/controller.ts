/** Wires both sources of EndpointSlices: pods that a Service selects, and Endpoints that a user keeps. */
import type { View } from '#lib/client/types.ts';
import { watch } from '#lib/control/reconcile.ts';
import type { Controller } from '#lib/control/reconcile.ts';
import { endpointSlice } from '#lib/kinds/endpoint-slice.ts';
import { endpoints } from '#lib/kinds/endpoints.ts';
import type { Node, Pod } from '#lib/kinds/gen/core-v1.ts';
import type { EndpointSlice } from '#lib/kinds/gen/discovery-v1.ts';
import { node } from '#lib/kinds/node.ts';
import { pod } from '#lib/kinds/pod.ts';
import { service } from '#lib/kinds/service.ts';
import { keyOf, refOf } from '#lib/meta/object.ts';
import type { Ref } from '#lib/meta/object.ts';
import { fromMap, matches } from '#lib/meta/selectors.ts';
import { reachChanged, servicesOf } from '../endpoints/reachable.ts';
import { decide as mirror, managedByMirror } from './from-endpoints.ts';
import type { Seen as MirrorSeen } from './from-endpoints.ts';
import { decide as select, managedByUs } from './from-pods.ts';
import type { Seen as SelectSeen } from './from-pods.ts';
import { managedByLabel, serviceNameLabel } from './slices.ts';

const zoneLabel = 'topology.kubernetes.io/zone';

export const endpointSliceController: Controller<SelectSeen> = {
  name: 'endpoint-slice-controller',
  watches: [
    watch(service, ({ metadata }) => [keyOf(metadata)]),
    watch(pod, servicesOf, reachChanged),
    watch(endpointSlice, (slice) => serviceOf(slice, managedByUs)),
    watch(node, servicesOnNode, ({ before, object }) => zoneOf(before) !== zoneOf(object)),
  ],
  see(key, { view }) {
    const ref = refOf(key);
    const object = view.get(service, ref);
    if (!object) return undefined;
    const selector = fromMap(object.spec.selector);
    return {
      service: object,
      pods: selector ? view.list(pod, ref.namespace).filter(({ metadata }) => matches(selector, metadata.labels)) : [],
      slices: slicesOf(ref, managedByUs, view),
      zoneOf: (name) => zoneOf(view.get(node, { namespace: '', name })),
    };
  },
  decide: select,
};

export const endpointSliceMirroringController: Controller<MirrorSeen> = {
  name: 'endpoint-slice-mirroring-controller',
  watches: [
    watch(endpoints, ({ metadata }) => [keyOf(metadata)]),
    watch(service, ({ metadata }) => [keyOf(metadata)]),
    watch(endpointSlice, (slice) => serviceOf(slice, managedByMirror)),
  ],
  see(key, { view }) {
    const ref = refOf(key);
    return {
      endpoints: view.get(endpoints, ref),
      service: view.get(service, ref),
      slices: slicesOf(ref, managedByMirror, view),
    };
  },
  decide: mirror,
};

function serviceOf({ metadata }: EndpointSlice, manager: string): string[] {
  const name = metadata.labels?.[serviceNameLabel];
  if (!name || metadata.labels?.[managedByLabel] !== manager) return [];
  return [keyOf({ namespace: metadata.namespace, name })];
}

function slicesOf(ref: Ref, manager: string, view: View): EndpointSlice[] {
  const slices = view.indexed(endpointSlice, 'slicesByService', keyOf(ref));
  return slices.filter(({ metadata }) => metadata.labels?.[managedByLabel] === manager);
}

function zoneOf(object: Node | undefined): string | undefined {
  return object?.metadata.labels?.[zoneLabel];
}

function servicesOnNode({ metadata }: Node, view: View): string[] {
  const pods: Pod[] = view.indexed(pod, 'podsByNode', metadata.name);
  return [...new Set(pods.flatMap((each) => servicesOf(each, view)))];
}
