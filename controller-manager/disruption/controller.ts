/** Wires decide() to PodDisruptionBudgets. */
import type { View } from '#lib/client/types.ts';
import { watch } from '#lib/control/reconcile.ts';
import type { Controller } from '#lib/control/reconcile.ts';
import { deployment } from '#lib/kinds/deployment.ts';
import type { Pod } from '#lib/kinds/gen/core-v1.ts';
import { pod } from '#lib/kinds/pod.ts';
import { podDisruptionBudget } from '#lib/kinds/pod-disruption-budget.ts';
import { replicaSet } from '#lib/kinds/replica-set.ts';
import { keyOf, refOf } from '#lib/meta/object.ts';
import type { Resource } from '#lib/meta/object.ts';
import { controllerOf } from '#lib/meta/owners.ts';
import { selects } from '#lib/meta/selectors.ts';
import { decide } from './decide.ts';
import type { Seen } from './decide.ts';

export const disruptionController: Controller<Seen> = {
  name: 'controllermanager',
  watches: [
    watch(podDisruptionBudget, ({ metadata }) => [keyOf(metadata)]),
    watch(pod, ({ metadata }, view) =>
      view
        .list(podDisruptionBudget, metadata.namespace)
        .filter(({ spec }) => selects(spec.selector, metadata.labels))
        .map((budget) => keyOf(budget.metadata)),
    ),
    ...[deployment, replicaSet].map((kind) =>
      watch<Resource>(
        kind,
        ({ metadata }, view) =>
          view.list(podDisruptionBudget, metadata.namespace).map((budget) => keyOf(budget.metadata)),
        ({ before, object }) => sizeOf(before) !== sizeOf(object),
      ),
    ),
  ],
  see(key, { view, now }) {
    const ref = refOf(key);
    const budget = view.get(podDisruptionBudget, ref);
    if (!budget) return undefined;
    const pods = view.list(pod, ref.namespace).filter(({ metadata }) => selects(budget.spec.selector, metadata.labels));
    return { budget, pods, expectedScale: expectedScale(pods, view), now };
  },
  decide,
};

/** The sizes of all workloads these pods belong to, a Deployment's instead of its ReplicaSets'. Pods without one count nothing. */
function expectedScale(pods: readonly Pod[], view: View): number | undefined {
  const workloads = new Map<string, Resource | undefined>();
  for (const each of pods) {
    const owner = controllerOf(each);
    if (!owner) continue;
    const direct = view.byUid(owner.uid);
    const above = direct && controllerOf(direct);
    const workload = (above && view.byUid(above.uid)) ?? direct;
    workloads.set(workload?.metadata.uid ?? owner.uid, workload);
  }
  let sum = 0;
  for (const workload of workloads.values()) {
    const size = sizeOf(workload);
    if (size === undefined) return undefined;
    sum += size;
  }
  return sum;
}

function sizeOf(workload: Resource | undefined): number | undefined {
  const { replicas } = (workload as { spec?: { replicas?: number } } | undefined)?.spec ?? {};
  return replicas;
}
