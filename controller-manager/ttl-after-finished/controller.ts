/** Removes ended Jobs when their `ttlSecondsAfterFinished` is over. */
import { watch } from '#lib/control/reconcile.ts';
import type { Controller } from '#lib/control/reconcile.ts';
import type { Action } from '#lib/control/types.ts';
import type { Job } from '#lib/kinds/gen/batch-v1.ts';
import { job as jobKind } from '#lib/kinds/job.ts';
import { keyOf, refOf } from '#lib/meta/object.ts';
import { parseTime } from '#lib/meta/time.ts';

export interface Seen {
  job: Job;
  now: number;
}

export function decide({ job, now }: Seen): Action[] {
  const { ttlSecondsAfterFinished } = job.spec;
  const finished = finishTime(job);
  if (ttlSecondsAfterFinished === undefined || finished === undefined) return [];
  if (job.metadata.deletionTimestamp !== undefined) return [];
  const left = finished + ttlSecondsAfterFinished * 1000 - now;
  if (left > 0) return [{ do: 'wake', afterMs: left }];
  const { namespace = '', name, uid, resourceVersion } = job.metadata;
  const target = { namespace, name };
  return [{ do: 'delete', kind: jobKind, target, uid, resourceVersion, propagationPolicy: 'Foreground' }];
}

function finishTime({ status }: Job): number | undefined {
  const end = status?.conditions?.find(
    ({ type, status: is }) => (type === 'Complete' || type === 'Failed') && is === 'True',
  );
  return parseTime(end?.lastTransitionTime);
}

export const ttlAfterFinishedController: Controller<Seen> = {
  name: 'ttl-after-finished-controller',
  watches: [
    watch(jobKind, ({ metadata, spec }) => (spec.ttlSecondsAfterFinished === undefined ? [] : [keyOf(metadata)])),
  ],
  see(key, { view, now }) {
    const job = view.get(jobKind, refOf(key));
    return job && { job, now };
  },
  decide,
};
