/** Wires decide() to Jobs. */
import type { View } from '#lib/client/types.ts';
import { watch } from '#lib/control/reconcile.ts';
import type { Controller } from '#lib/control/reconcile.ts';
import type { Pod } from '#lib/kinds/gen/core-v1.ts';
import { job } from '#lib/kinds/job.ts';
import { pod } from '#lib/kinds/pod.ts';
import { keyOf, refOf } from '#lib/meta/object.ts';
import { controllerOf } from '#lib/meta/owners.ts';
import { selects } from '#lib/meta/selectors.ts';
import { ownedOrOrphaned } from '../indexes.ts';
import { decide } from './decide.ts';
import type { Seen } from './decide.ts';
import { isTracked } from './tracking.ts';

export const jobController: Controller<Seen> = {
  name: 'job-controller',
  watches: [watch(job, ({ metadata }) => [keyOf(metadata)]), watch(pod, jobsOf)],
  see(key, { view, now }) {
    const ref = refOf(key);
    const object = view.get(job, ref);
    if (object) return { job: object, candidates: ownedOrOrphaned(view, pod, 'podsByController', object), now };
    return { job: undefined, candidates: leftBehind(ref.name, view.list(pod, ref.namespace), view), now };
  },
  decide,
};

/** Pods that still wait to be counted for a Job that is gone. */
function leftBehind(name: string, pods: readonly Pod[], view: View): Pod[] {
  return pods.filter((each) => {
    const owner = controllerOf(each);
    return isTracked(each) && owner?.kind === job.kind && owner.name === name && !view.byUid(owner.uid);
  });
}

function jobsOf(object: Pod, view: View): string[] {
  const { namespace = '', labels } = object.metadata;
  const controller = controllerOf(object);
  if (controller) return controller.kind === job.kind ? [keyOf({ namespace, name: controller.name })] : [];
  const adopters = view.list(job, namespace).filter(({ spec }) => selects(spec.selector, labels));
  return adopters.map(({ metadata }) => keyOf(metadata));
}
