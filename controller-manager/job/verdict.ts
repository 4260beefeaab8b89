/** Whether a Job has come to its end, and by which of upstream's reasons. */
import type { Job } from '#lib/kinds/gen/batch-v1.ts';
import type { Pod } from '#lib/kinds/gen/core-v1.ts';
import { conditionOf } from '#lib/meta/conditions.ts';
import { parseTime } from '#lib/meta/time.ts';
import { ruleFor } from './failure-policy.ts';
import { parseIndexes } from './indexes.ts';
import { isIndexed, isTracked } from './tracking.ts';
import type { Counts } from './tracking.ts';

export interface Verdict {
  /** The condition that ends the Job, after its pods are gone. */
  final: 'Complete' | 'Failed';
  /** The one that says so beforehand. */
  interim: 'SuccessCriteriaMet' | 'FailureTarget';
  reason: string;
  message: string;
}

const complete = { final: 'Complete', interim: 'SuccessCriteriaMet' } as const;
const failed = { final: 'Failed', interim: 'FailureTarget' } as const;

/** The verdict passed before, else the one that is due; undefined while the Job goes on. `active` are the pods that run or may yet. */
export function verdictOn(
  job: Job,
  counts: Counts,
  pods: readonly Pod[],
  active: readonly Pod[],
  now: number,
): Verdict | undefined {
  return passed(job) ?? failure(job, counts, pods, active, now) ?? success(job, counts, active);
}

function passed({ status }: Job): Verdict | undefined {
  for (const sort of [failed, complete]) {
    const condition = conditionOf(status?.conditions, sort.interim);
    if (condition?.status === 'True')
      return { ...sort, reason: condition.reason ?? '', message: condition.message ?? '' };
  }
  return undefined;
}

function failure(
  job: Job,
  counts: Counts,
  pods: readonly Pod[],
  active: readonly Pod[],
  now: number,
): Verdict | undefined {
  const { spec } = job;
  const fatal = pods
    .filter(isTracked)
    .map((pod) => ruleFor(pod, job))
    .find((rule) => rule?.action === 'FailJob');
  if (fatal) return { ...failed, reason: 'PodFailurePolicy', message: fatal.message };
  const limit = spec.backoffLimit ?? 6;
  if (counts.failedSoFar > limit || restartsExceed(job, active, limit)) {
    return { ...failed, reason: 'BackoffLimitExceeded', message: 'Job has reached the specified backoff limit' };
  }
  if (untilDeadline(job, now) === 0) {
    return { ...failed, reason: 'DeadlineExceeded', message: 'Job was active longer than specified deadline' };
  }
  if (!isIndexed(job) || spec.backoffLimitPerIndex === undefined) return undefined;
  if (spec.maxFailedIndexes !== undefined && counts.failedIndexes.size > spec.maxFailedIndexes) {
    const message = 'Job has exceeded the specified maximal number of failed indexes';
    return { ...failed, reason: 'MaxFailedIndexesExceeded', message };
  }
  const ended = counts.failedIndexes.size + counts.completed.size;
  return counts.failedIndexes.size > 0 && ended >= (spec.completions ?? 0)
    ? { ...failed, reason: 'FailedIndexes', message: 'Job has failed indexes' }
    : undefined;
}

/** Milliseconds until the active deadline, 0 when it has passed; undefined without one. */
export function untilDeadline({ spec, status }: Job, now: number): number | undefined {
  const started = parseTime(status?.startTime);
  if (spec.activeDeadlineSeconds === undefined || started === undefined || spec.suspend) return undefined;
  return Math.max(0, started + spec.activeDeadlineSeconds * 1000 - now);
}

/** Containers that restart in place fail, too, though their pod does not. */
function restartsExceed({ spec }: Job, active: readonly Pod[], limit: number): boolean {
  if (spec.template.spec?.restartPolicy !== 'OnFailure') return false;
  const restarts = active
    .flatMap(({ status }) => [...(status?.containerStatuses ?? []), ...(status?.initContainerStatuses ?? [])])
    .reduce((sum, { restartCount }) => sum + restartCount, 0);
  return limit === 0 ? restarts > 0 : restarts >= limit;
}

function success(job: Job, counts: Counts, active: readonly Pod[]): Verdict | undefined {
  const { completions } = job.spec;
  const rule = metRule(job, counts);
  if (rule !== undefined) return { ...complete, reason: 'SuccessPolicy', message: `Matched rules at index ${rule}` };
  // Without a number of completions, one success ends the Job once the other workers are done.
  const done =
    completions === undefined ? counts.succeededSoFar > 0 && active.length === 0 : counts.succeededSoFar >= completions;
  const message = 'Reached expected number of succeeded pods';
  return done ? { ...complete, reason: 'CompletionsReached', message } : undefined;
}

function metRule({ spec }: Job, { completed }: Counts): number | undefined {
  const rules = spec.successPolicy?.rules ?? [];
  const met = rules.findIndex(({ succeededIndexes, succeededCount }) => {
    const relevant = succeededIndexes === undefined ? undefined : parseIndexes(succeededIndexes, spec.completions ?? 0);
    const succeeded = relevant ? [...relevant].filter((index) => completed.has(index)).length : completed.size;
    return succeeded >= (succeededCount ?? relevant?.size ?? Infinity);
  });
  return met < 0 ? undefined : met;
}
