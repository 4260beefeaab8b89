/** Wires decide() to StatefulSets. */
import type { View } from '#lib/client/types.ts';
import { watch } from '#lib/control/reconcile.ts';
import type { Controller } from '#lib/control/reconcile.ts';
import { controllerRevision } from '#lib/kinds/controller-revision.ts';
import type { ControllerRevision } from '#lib/kinds/gen/apps-v1.ts';
import type { PersistentVolumeClaim, Pod } from '#lib/kinds/gen/core-v1.ts';
import { persistentVolumeClaim } from '#lib/kinds/persistent-volume-claim.ts';
import { pod } from '#lib/kinds/pod.ts';
import { statefulSet } from '#lib/kinds/stateful-set.ts';
import { keyOf, refOf } from '#lib/meta/object.ts';
import { controllerOf, isControlledBy } from '#lib/meta/owners.ts';
import { selects } from '#lib/meta/selectors.ts';
import { ownedOrOrphaned } from '../indexes.ts';
import { decide } from './decide.ts';
import type { Seen } from './decide.ts';

export const statefulSetController: Controller<Seen> = {
  name: 'statefulset-controller',
  watches: [
    watch(statefulSet, ({ metadata }) => [keyOf(metadata)]),
    watch(pod, setsOf),
    watch(controllerRevision, setsOf),
    watch(persistentVolumeClaim, setsOfClaim, ({ object }) => object === undefined),
  ],
  see(key, { view, now }) {
    const ref = refOf(key);
    const set = view.get(statefulSet, ref);
    if (!set) return undefined;
    return {
      set,
      candidates: ownedOrOrphaned(view, pod, 'podsByController', set),
      revisions: view.list(controllerRevision, ref.namespace).filter((revision) => isControlledBy(revision, set)),
      isTaken: (name) => view.get(controllerRevision, { namespace: ref.namespace, name }) !== undefined,
      claimAt: (at) => view.get(persistentVolumeClaim, at),
      now,
    };
  },
  decide,
};

function setsOf(object: Pod | ControllerRevision, view: View): string[] {
  const { namespace = '', labels } = object.metadata;
  const controller = controllerOf(object);
  if (controller) return controller.kind === statefulSet.kind ? [keyOf({ namespace, name: controller.name })] : [];
  const adopters = view.list(statefulSet, namespace).filter(({ spec }) => selects(spec.selector, labels));
  return adopters.map(({ metadata }) => keyOf(metadata));
}

/** The set whose pod mounts a claim: claims are named `<volume>-<set>-<ordinal>`. */
function setsOfClaim({ metadata }: PersistentVolumeClaim, view: View): string[] {
  const name = metadata.name.replace(/-\d+$/, '');
  const sets = view.list(statefulSet, metadata.namespace).filter((set) => name.endsWith(`-${set.metadata.name}`));
  return sets.map((set) => keyOf(set.metadata));
}
