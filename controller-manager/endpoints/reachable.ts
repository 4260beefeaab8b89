/** Which pods a Service reaches, and where: what Endpoints and EndpointSlices have in common. */
import type { View, ViewChange } from '#lib/client/types.ts';
import type { Pod, Service, ServicePort } from '#lib/kinds/gen/core-v1.ts';
import { service } from '#lib/kinds/service.ts';
import { equal } from '#lib/meta/equal.ts';
import { keyOf } from '#lib/meta/object.ts';
import { fromMap, matches } from '#lib/meta/selectors.ts';
import { isFinished, isReady } from '../pods.ts';

export const headlessLabel = 'service.kubernetes.io/headless';

/** Whether the pod has an address and has not finished; one that is going counts only when asked for. */
export function isReachable(pod: Pod, goingToo: boolean): boolean {
  if (isFinished(pod) || addressesOf(pod).length === 0) return false;
  return goingToo || pod.metadata.deletionTimestamp === undefined;
}

export function addressesOf({ status }: Pod): string[] {
  if (status?.podIPs?.length) return status.podIPs.map(({ ip }) => ip);
  return status?.podIP ? [status.podIP] : [];
}

/** The number that a Service's port leads to in this pod; undefined when the pod has no port of that name. */
export function targetPortOf({ spec }: Pod, { targetPort, port, protocol = 'TCP' }: ServicePort): number | undefined {
  if (targetPort === undefined) return port;
  if (typeof targetPort === 'number') return targetPort;
  const sidecars = (spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always');
  const named = [...spec.containers, ...sidecars]
    .flatMap(({ ports }) => ports ?? [])
    .find((candidate) => candidate.name === targetPort && (candidate.protocol ?? 'TCP') === protocol);
  return named?.containerPort;
}

/** The pod's own name below a headless Service, when its hostname and subdomain ask for one there. */
export function hostnameIn({ metadata }: Service, { spec }: Pod): string | undefined {
  return spec.hostname && spec.subdomain === metadata.name ? spec.hostname : undefined;
}

export function isHeadless({ spec }: Service): boolean {
  return spec.clusterIP === 'None' || spec.clusterIP === '' || spec.clusterIP === undefined;
}

/** Keys of the Services of the pod's namespace that select it. */
export function servicesOf({ metadata }: Pod, view: View): string[] {
  const selecting = view.list(service, metadata.namespace).filter(({ spec }) => {
    const selector = fromMap(spec.selector);
    return selector !== undefined && matches(selector, metadata.labels);
  });
  return selecting.map((each) => keyOf(each.metadata));
}

/** Whether anything that endpoints show of a pod has changed. */
export function reachChanged({ before, object }: ViewChange<Pod>): boolean {
  return !before || !object || !equal(shown(before), shown(object));
}

function shown(pod: Pod): unknown {
  const { metadata, spec } = pod;
  return [
    addressesOf(pod),
    isReady(pod),
    isFinished(pod),
    metadata.deletionTimestamp !== undefined,
    metadata.labels,
    spec.nodeName,
    spec.hostname,
    spec.subdomain,
  ];
}
