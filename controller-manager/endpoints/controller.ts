/** Wires decide() to Services. */
import { watch } from '#lib/control/reconcile.ts';
import type { Controller } from '#lib/control/reconcile.ts';
import { endpoints } from '#lib/kinds/endpoints.ts';
import { pod } from '#lib/kinds/pod.ts';
import { service } from '#lib/kinds/service.ts';
import { keyOf, refOf } from '#lib/meta/object.ts';
import { fromMap, matches } from '#lib/meta/selectors.ts';
import { decide } from './decide.ts';
import type { Seen } from './decide.ts';
import { reachChanged, servicesOf } from './reachable.ts';

/** Endpoints of leader elections of old have no Service and need none. */
const leaderAnnotation = 'control-plane.alpha.kubernetes.io/leader';

export const endpointsController: Controller<Seen> = {
  name: 'endpoint-controller',
  watches: [
    watch(service, ({ metadata }) => [keyOf(metadata)]),
    watch(pod, servicesOf, reachChanged),
    // A deleted one comes back; at the start, those whose Service went meanwhile are found. Others may be waiting for their Service.
    watch(
      endpoints,
      ({ metadata }) => (metadata.annotations?.[leaderAnnotation] === undefined ? [keyOf(metadata)] : []),
      ({ object }) => object === undefined,
    ),
  ],
  see(key, { view }) {
    const ref = refOf(key);
    const object = view.get(service, ref);
    const selector = fromMap(object?.spec.selector);
    return {
      service: object,
      endpoints: view.get(endpoints, ref),
      pods: selector ? view.list(pod, ref.namespace).filter(({ metadata }) => matches(selector, metadata.labels)) : [],
    };
  },
  decide,
};
