/** Wires decide() to Deployments. */
import type { View } from '#lib/client/types.ts';
import { watch } from '#lib/control/reconcile.ts';
import type { Controller } from '#lib/control/reconcile.ts';
import { deployment } from '#lib/kinds/deployment.ts';
import type { ReplicaSet } from '#lib/kinds/gen/apps-v1.ts';
import type { Pod } from '#lib/kinds/gen/core-v1.ts';
import { pod } from '#lib/kinds/pod.ts';
import { replicaSet } from '#lib/kinds/replica-set.ts';
import { keyOf, refOf } from '#lib/meta/object.ts';
import { controllerOf } from '#lib/meta/owners.ts';
import { selects } from '#lib/meta/selectors.ts';
import { ownedOrOrphaned } from '../indexes.ts';
import { decide, failed } from './decide.ts';
import type { Seen } from './decide.ts';

export const deploymentController: Controller<Seen> = {
  name: 'deployment-controller',
  watches: [
    watch(deployment, ({ metadata }) => [keyOf(metadata)]),
    watch(replicaSet, deploymentsOf),
    // Recreate waits for the last old pod to be gone.
    watch(pod, deploymentsOfPod, ({ object }) => object === undefined),
  ],
  see(key, { view, now }) {
    const object = view.get(deployment, refOf(key));
    if (!object) return undefined;
    const { namespace = '' } = object.metadata;
    return {
      deployment: object,
      candidates: ownedOrOrphaned(view, replicaSet, 'setsByController', object),
      isTaken: (name) => view.get(replicaSet, { namespace, name }) !== undefined,
      podsOf: (sets) => sets.flatMap(({ metadata }) => view.indexed(pod, 'podsByController', metadata.uid)),
      now,
    };
  },
  decide,
  failed,
};

function deploymentsOf(set: ReplicaSet, view: View): string[] {
  const { namespace = '', labels } = set.metadata;
  const controller = controllerOf(set);
  if (controller) return controller.kind === 'Deployment' ? [keyOf({ namespace, name: controller.name })] : [];
  const adopters = view.list(deployment, namespace).filter(({ spec }) => selects(spec.selector, labels));
  return adopters.map(({ metadata }) => keyOf(metadata));
}

function deploymentsOfPod({ metadata }: Pod, view: View): string[] {
  const owner = controllerOf({ metadata });
  if (owner?.kind !== 'ReplicaSet') return [];
  const set = view.get(replicaSet, { namespace: metadata.namespace ?? '', name: owner.name });
  return set ? deploymentsOf(set, view) : [];
}
