/** Creates a CronJob's Jobs when they are due. The last time is known from status and the Jobs' names, never from memory. */
import type { Action } from '#lib/control/types.ts';
import { cronJob as cronJobKind } from '#lib/kinds/cron-job.ts';
import type { CronJob, CronJobStatus, Job } from '#lib/kinds/gen/batch-v1.ts';
import { job as jobKind } from '#lib/kinds/job.ts';
import { conditionOf, isTrue } from '#lib/meta/conditions.ts';
import { equal } from '#lib/meta/equal.ts';
import type { Draft } from '#lib/meta/object.ts';
import { controllerRef } from '#lib/meta/owners.ts';
import { formatTime, parseTime } from '#lib/meta/time.ts';
import { parseSchedule } from './schedule.ts';
import type { Schedule } from './schedule.ts';

export interface Seen {
  cronJob: CronJob;
  /** Jobs that it controls. */
  jobs: Job[];
  now: number;
}

const timestampKey = 'batch.kubernetes.io/cronjob-scheduled-timestamp';
/** Looking for missed times stops here, as upstream's does. */
const missedLimit = 100;
/** A Job may have started this much after its time and still counts as that time's. */
const toleranceMs = 100;

type Event = { type: 'Normal' | 'Warning'; reason: string; message: string };

export function decide(seen: Seen): Action[] {
  const { cronJob, jobs, now } = seen;
  if (cronJob.metadata.deletionTimestamp !== undefined) return [];
  const running = jobs.filter((job) => !isEnded(job));
  const status = statusOf(seen, running);
  const housekeeping = [...tellEnded(cronJob, jobs), ...forgetOld(seen)];
  const schedule = scheduleOf(cronJob);
  if (typeof schedule === 'string') {
    return [
      ...housekeeping,
      tell(cronJob, { type: 'Warning', reason: 'UnparseableSchedule', message: schedule }),
      ...writeStatus(cronJob, status),
    ];
  }
  const next = schedule.next(now);
  const wake: Action[] = next === undefined ? [] : [{ do: 'wake', afterMs: next - now + toleranceMs }];
  if (cronJob.spec.suspend) return [...housekeeping, ...writeStatus(cronJob, status)];
  return [...housekeeping, ...startDue(seen, schedule, running, status), ...wake];
}

function startDue({ cronJob, jobs, now }: Seen, schedule: Schedule, running: Job[], status: CronJobStatus): Action[] {
  const plain = writeStatus(cronJob, status);
  const { due, tooMany } = latestDue(cronJob, schedule, now);
  const actions: Action[] = [];
  if (tooMany) {
    const message = 'too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew';
    actions.push(tell(cronJob, { type: 'Warning', reason: 'TooManyMissedTimes', message }));
  }
  if (due === undefined) return [...actions, ...plain];
  const deadline = cronJob.spec.startingDeadlineSeconds;
  if (deadline !== undefined && due + deadline * 1000 < now) {
    const message = `Missed scheduled time to start a job: ${new Date(due).toUTCString()}`;
    return [...actions, tell(cronJob, { type: 'Warning', reason: 'MissSchedule', message }), ...plain];
  }
  const name = jobName(cronJob, due);
  const scheduled = writeStatus(cronJob, { ...status, lastScheduleTime: formatTime(due) });
  // Created before a crash that came before the status: the name tells.
  if (jobs.some(({ metadata }) => metadata.name === name)) return [...actions, ...scheduled];
  const { concurrencyPolicy = 'Allow' } = cronJob.spec;
  if (concurrencyPolicy === 'Forbid' && running.length > 0) {
    const message = 'Not starting job because prior execution is running and concurrency policy is Forbid';
    return [...actions, tell(cronJob, { type: 'Normal', reason: 'JobAlreadyActive', message }), ...plain];
  }
  const replaced = concurrencyPolicy === 'Replace' ? running.map((job) => remove(cronJob, job)) : [];
  return [...actions, ...replaced, create(cronJob, name, due), ...scheduled];
}

/** The latest time that has come since the last start; none before the CronJob itself or its starting deadline. */
function latestDue(
  { metadata, status, spec }: CronJob,
  schedule: Schedule,
  now: number,
): { due?: number; tooMany: boolean } {
  let from = parseTime(status?.lastScheduleTime) ?? parseTime(metadata.creationTimestamp) ?? now;
  if (spec.startingDeadlineSeconds !== undefined) from = Math.max(from, now - spec.startingDeadlineSeconds * 1000);
  let due: number | undefined;
  let count = 0;
  for (let time = schedule.next(from); time !== undefined && time <= now; time = schedule.next(time)) {
    due = time;
    // A clock that was wrong for years must not be made up minute by minute.
    if (++count > missedLimit) return { due: lastBefore(schedule, now) ?? due, tooMany: true };
  }
  return { ...(due !== undefined && { due }), tooMany: false };
}

/** The last time at or before `now`, found by looking back in growing strides. */
function lastBefore(schedule: Schedule, now: number): number | undefined {
  for (let strideMs = 60_000; strideMs < 400 * 24 * 3_600_000; strideMs *= 2) {
    let last: number | undefined;
    for (let time = schedule.next(now - strideMs); time !== undefined && time <= now; time = schedule.next(time))
      last = time;
    if (last !== undefined) return last;
  }
  return undefined;
}

function scheduleOf({ spec }: CronJob): Schedule | string {
  try {
    return parseSchedule(spec.schedule, spec.timeZone);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return `unparseable schedule: ${spec.schedule} : ${why}`;
  }
}

/** The same for the same time, so that no time can start two Jobs. */
function jobName({ metadata }: CronJob, due: number): string {
  return `${metadata.name}-${Math.floor(due / 60_000)}`;
}

function create(cronJob: CronJob, name: string, due: number): Action {
  const { jobTemplate } = cronJob.spec;
  const { labels, annotations } = jobTemplate.metadata ?? {};
  const object: Draft<Job> = {
    metadata: {
      name,
      namespace: cronJob.metadata.namespace,
      ...(labels && { labels }),
      annotations: { ...annotations, [timestampKey]: formatTime(due) },
      ownerReferences: [controllerRef(cronJob)],
    },
    spec: jobTemplate.spec!,
  };
  return {
    do: 'create',
    kind: jobKind,
    object,
    report: {
      regarding: cronJob,
      done: { reason: 'SuccessfulCreate', message: 'Created job {name}' },
      failed: { reason: 'FailedCreate', message: 'Error creating job: {error}' },
    },
  };
}

function remove(cronJob: CronJob, { metadata }: Job): Action {
  return {
    do: 'delete',
    kind: jobKind,
    target: { namespace: metadata.namespace ?? '', name: metadata.name },
    uid: metadata.uid,
    propagationPolicy: 'Background',
    report: {
      regarding: cronJob,
      done: { reason: 'SuccessfulDelete', message: 'Deleted job {name}' },
      failed: { reason: 'FailedDelete', message: 'Deleted job: {error}' },
    },
  };
}

/** Removes ended Jobs beyond the limits for successes and failures, the oldest first. */
function forgetOld({ cronJob, jobs }: Seen): Action[] {
  const { successfulJobsHistoryLimit, failedJobsHistoryLimit } = cronJob.spec;
  const beyond = (type: string, limit: number | undefined) => {
    const ended = jobs.filter(({ status }) => isTrue(status?.conditions, type)).toSorted(byStart);
    return limit === undefined ? [] : ended.slice(0, Math.max(0, ended.length - limit));
  };
  const old = [...beyond('Complete', successfulJobsHistoryLimit), ...beyond('Failed', failedJobsHistoryLimit)];
  return old.filter(({ metadata }) => metadata.deletionTimestamp === undefined).map((job) => remove(cronJob, job));
}

function byStart(a: Job, b: Job): number {
  const start = (job: Job) => job.status?.startTime ?? job.metadata.creationTimestamp;
  if (start(a) !== start(b)) return start(a) < start(b) ? -1 : 1;
  return a.metadata.name < b.metadata.name ? -1 : 1;
}

function statusOf({ cronJob, jobs }: Seen, running: Job[]): CronJobStatus {
  const active = running.map(({ apiVersion, kind, metadata }) => {
    const { namespace, name, uid, resourceVersion } = metadata;
    const known = cronJob.status?.active?.find((reference) => reference.uid === uid);
    // The reference stays as it was first made: each new version of the Job would otherwise be another status.
    return known ?? { kind, namespace, name, uid, apiVersion, resourceVersion };
  });
  const completions = jobs.map(({ status }) =>
    isTrue(status?.conditions, 'Complete') ? status?.completionTime : undefined,
  );
  const latest = [cronJob.status?.lastSuccessfulTime, ...completions]
    .filter((time) => time !== undefined)
    .toSorted(byText)
    .at(-1);
  const { lastScheduleTime } = cronJob.status ?? {};
  return {
    ...(active.length > 0 && { active: active.toSorted((a, b) => byText(a.name ?? '', b.name ?? '')) }),
    ...(lastScheduleTime !== undefined && { lastScheduleTime }),
    ...(latest !== undefined && { lastSuccessfulTime: latest }),
  };
}

function byText(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

/** A Job that was running when last looked at, and has ended since. */
function tellEnded(cronJob: CronJob, jobs: readonly Job[]): Action[] {
  const before = new Set((cronJob.status?.active ?? []).map(({ uid }) => uid));
  return jobs
    .filter((job) => before.has(job.metadata.uid) && isEnded(job))
    .map(({ metadata, status }) => {
      const how = isTrue(status?.conditions, 'Complete') ? 'Complete' : 'Failed';
      const message = `Saw completed job: ${metadata.name}, condition: ${how}`;
      return tell(cronJob, { type: 'Normal', reason: 'SawCompletedJob', message });
    });
}

function isEnded({ status }: Job): boolean {
  return ['Complete', 'Failed'].some((type) => conditionOf(status?.conditions, type)?.status === 'True');
}

function writeStatus(cronJob: CronJob, status: CronJobStatus): Action[] {
  if (equal(status, cronJob.status ?? {})) return [];
  const object: CronJob = { ...cronJob, status };
  return [{ do: 'status', kind: cronJobKind, object }];
}

function tell(regarding: CronJob, event: Event): Action {
  return { do: 'event', regarding, ...event };
}
