/** Wires decide() to ReplicaSets and to ReplicationControllers. */
import type { View } from '#lib/client/types.ts';
import { watch } from '#lib/control/reconcile.ts';
import type { Controller } from '#lib/control/reconcile.ts';
import type { Kind } from '#lib/kinds/define-kind.ts';
import type { ReplicaSet } from '#lib/kinds/gen/apps-v1.ts';
import type { Pod, ReplicationController } from '#lib/kinds/gen/core-v1.ts';
import { pod } from '#lib/kinds/pod.ts';
import { replicaSet } from '#lib/kinds/replica-set.ts';
import { replicationController } from '#lib/kinds/replication-controller.ts';
import { keyOf, refOf } from '#lib/meta/object.ts';
import { controllerOf } from '#lib/meta/owners.ts';
import { fromLabelSelector, fromMap, matches } from '#lib/meta/selectors.ts';
import type { Selector } from '#lib/meta/selectors.ts';
import { ownedOrOrphaned } from '../indexes.ts';
import { decide, failed } from './decide.ts';
import type { PodSet, Seen } from './decide.ts';

type Part = Pick<Seen, 'replicas' | 'minReadySeconds' | 'selector' | 'template'>;

const nothing: Selector = [{ key: '-', operator: 'In', values: [] }];

export const replicaSetController = controllerFor('replicaset-controller', replicaSet, ({ spec }: ReplicaSet) => ({
  replicas: spec.replicas ?? 1,
  minReadySeconds: spec.minReadySeconds ?? 0,
  selector: fromLabelSelector(spec.selector) ?? nothing,
  template: spec.template ?? {},
}));

export const replicationControllerController = controllerFor(
  'replication-controller',
  replicationController,
  ({ spec }: ReplicationController) => ({
    replicas: spec.replicas ?? 1,
    minReadySeconds: spec.minReadySeconds ?? 0,
    selector: fromMap(spec.selector) ?? nothing,
    template: spec.template ?? {},
  }),
);

function controllerFor<T extends PodSet>(name: string, kind: Kind<T>, read: (set: T) => Part): Controller<Seen> {
  return {
    name,
    watches: [
      watch(kind, (set) => [keyOf(set.metadata)]),
      watch(pod, (object, view) => setsOf(object, kind, read, view)),
    ],
    see(key, { view, now }) {
      const set = view.get(kind, refOf(key));
      if (!set) return undefined;
      const candidates = ownedOrOrphaned(view, pod, 'podsByController', set);
      return {
        kind: kind as unknown as Kind<PodSet>,
        set,
        ...read(set),
        candidates,
        related: relatedPods(set, kind, view),
        now,
      };
    },
    decide,
    failed,
  };
}

/** The set that controls a pod, or, for an orphan, all that would adopt it. */
function setsOf<T extends PodSet>(object: Pod, kind: Kind<T>, read: (set: T) => Part, view: View): string[] {
  const { namespace = '', labels } = object.metadata;
  const controller = controllerOf(object);
  if (controller) {
    const ours = controller.kind === kind.kind && controller.apiVersion === kind.apiVersion;
    return ours ? [keyOf({ namespace, name: controller.name })] : [];
  }
  const adopters = view.list(kind, namespace).filter((set) => matches(read(set).selector, labels));
  return adopters.map(({ metadata }) => keyOf(metadata));
}

function relatedPods<T extends PodSet>(set: T, kind: Kind<T>, view: View): Pod[] {
  const owner = controllerOf(set);
  const sets = owner && kind.kind === replicaSet.kind ? view.indexed(replicaSet, 'setsByController', owner.uid) : [set];
  return sets.flatMap(({ metadata }) => view.indexed(pod, 'podsByController', metadata.uid));
}
