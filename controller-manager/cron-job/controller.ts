/** Wires decide() to CronJobs. */
import { watch } from '#lib/control/reconcile.ts';
import type { Controller } from '#lib/control/reconcile.ts';
import { cronJob } from '#lib/kinds/cron-job.ts';
import { job } from '#lib/kinds/job.ts';
import { keyOf, refOf } from '#lib/meta/object.ts';
import { controllerOf, isControlledBy } from '#lib/meta/owners.ts';
import { decide } from './decide.ts';
import type { Seen } from './decide.ts';

export const cronJobController: Controller<Seen> = {
  name: 'cronjob-controller',
  watches: [
    watch(cronJob, ({ metadata }) => [keyOf(metadata)]),
    watch(job, (object) => {
      const owner = controllerOf(object);
      if (owner?.kind !== cronJob.kind) return [];
      return [keyOf({ namespace: object.metadata.namespace, name: owner.name })];
    }),
  ],
  see(key, { view, now }) {
    const ref = refOf(key);
    const object = view.get(cronJob, ref);
    if (!object) return undefined;
    return { cronJob: object, jobs: view.list(job, ref.namespace).filter((each) => isControlledBy(each, object)), now };
  },
  decide,
};
