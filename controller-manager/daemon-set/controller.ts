/** Wires decide() to DaemonSets. */
import type { View, ViewChange } from '#lib/client/types.ts';
import { watch } from '#lib/control/reconcile.ts';
import type { Controller } from '#lib/control/reconcile.ts';
import { controllerRevision } from '#lib/kinds/controller-revision.ts';
import { daemonSet } from '#lib/kinds/daemon-set.ts';
import type { ControllerRevision } from '#lib/kinds/gen/apps-v1.ts';
import type { Node, Pod } from '#lib/kinds/gen/core-v1.ts';
import { node } from '#lib/kinds/node.ts';
import { pod } from '#lib/kinds/pod.ts';
import { equal } from '#lib/meta/equal.ts';
import { keyOf, refOf } from '#lib/meta/object.ts';
import { controllerOf, isControlledBy } from '#lib/meta/owners.ts';
import { selects } from '#lib/meta/selectors.ts';
import { ownedOrOrphaned } from '../indexes.ts';
import { decide } from './decide.ts';
import type { Seen } from './decide.ts';

export const daemonSetController: Controller<Seen> = {
  name: 'daemonset-controller',
  watches: [
    watch(daemonSet, ({ metadata }) => [keyOf(metadata)]),
    watch(pod, setsOf),
    watch(controllerRevision, setsOf),
    watch(node, (_node, view) => view.list(daemonSet).map(({ metadata }) => keyOf(metadata)), nodeChanged),
  ],
  see(key, { view, now }) {
    const ref = refOf(key);
    const set = view.get(daemonSet, ref);
    if (!set) return undefined;
    return {
      set,
      nodes: view.list(node),
      candidates: ownedOrOrphaned(view, pod, 'podsByController', set),
      revisions: view.list(controllerRevision, ref.namespace).filter((revision) => isControlledBy(revision, set)),
      isTaken: (name) => view.get(controllerRevision, { namespace: ref.namespace, name }) !== undefined,
      now,
    };
  },
  decide,
};

/** Heartbeats of nodes change nothing for daemons. */
function nodeChanged({ before, object }: ViewChange<Node>): boolean {
  if (!before || !object) return true;
  return !equal(before.metadata.labels, object.metadata.labels) || !equal(before.spec, object.spec);
}

function setsOf(object: Pod | ControllerRevision, view: View): string[] {
  const { namespace = '', labels } = object.metadata;
  const controller = controllerOf(object);
  if (controller) return controller.kind === daemonSet.kind ? [keyOf({ namespace, name: controller.name })] : [];
  const adopters = view.list(daemonSet, namespace).filter(({ spec }) => selects(spec.selector, labels));
  return adopters.map(({ metadata }) => keyOf(metadata));
}
