/** Runs a Job's pods to their end and tells how it went. */
import type { Action } from '#lib/control/types.ts';
import type { Job, JobCondition, JobStatus } from '#lib/kinds/gen/batch-v1.ts';
import type { Pod } from '#lib/kinds/gen/core-v1.ts';
import { job as jobKind } from '#lib/kinds/job.ts';
import { pod as podKind } from '#lib/kinds/pod.ts';
import { isTrue, withCondition } from '#lib/meta/conditions.ts';
import { equal } from '#lib/meta/equal.ts';
import { fromLabelSelector } from '#lib/meta/selectors.ts';
import { formatTime } from '#lib/meta/time.ts';
import { claim } from '../claim.ts';
import { isActive, isFinished, isReady } from '../pods.ts';
import { countPods, indexTexts, isTracked, trackingFinalizer } from './tracking.ts';
import type { Counts } from './tracking.ts';
import { untilDeadline, verdictOn } from './verdict.ts';
import type { Verdict } from './verdict.ts';
import { removeWorker, staff } from './workers.ts';

export interface Seen {
  /** Undefined when the Job is gone. */
  job: Job | undefined;
  /** Pods it controls, and those of its namespace without a controller; of a Job that is gone, the pods it left. */
  candidates: Pod[];
  now: number;
}

/** Jobs that another controller runs. */
const builtIn = 'kubernetes.io/job-controller';

export function decide({ job, candidates, now }: Seen): Action[] {
  if (!job) return candidates.filter(isTracked).map(free);
  if ((job.spec.managedBy ?? builtIn) !== builtIn) return [];
  const { owned, actions } = claim(job, fromLabelSelector(job.spec.selector) ?? [], podKind, candidates);
  if (isEnded(job)) return owned.filter((pod) => isTracked(pod) && isFinished(pod)).map(free);
  return [...actions, ...run(job, owned, now)];
}

function run(job: Job, pods: Pod[], now: number): Action[] {
  const going = job.metadata.deletionTimestamp !== undefined;
  const counts = countPods(job, pods, going);
  const active = pods.filter(isActive);
  const terminating = pods.filter((pod) => pod.metadata.deletionTimestamp !== undefined && !isFinished(pod)).length;
  const verdict = going ? undefined : verdictOn(job, counts, pods, active, now);
  const suspended = job.spec.suspend === true && !verdict;
  const settled =
    active.length === 0 &&
    terminating === 0 &&
    counts.release.length === 0 &&
    Object.keys(counts.uncounted).length === 0;
  const conditions = conditionsOf(job, verdict, settled, now);
  const status: JobStatus = {
    ...startOf(job, suspended, now),
    ...(conditions.length > 0 && { conditions }),
    ...(active.length > 0 && { active: active.length }),
    ...(counts.succeeded > 0 && { succeeded: counts.succeeded }),
    ...(counts.failed > 0 && { failed: counts.failed }),
    ready: active.filter(isReady).length,
    terminating,
    ...indexTexts(job, counts),
    uncountedTerminatedPods: counts.uncounted,
    ...(verdict?.final === 'Complete' && settled && { completionTime: formatTime(now) }),
  };
  return [
    ...writeStatus(job, status),
    ...tellEnd(job, verdict, settled),
    ...tellSuspension(job, conditions),
    ...counts.release.map(free),
    ...(going ? [] : workers(job, verdict, suspended, { counts, pods, active, terminating, now })),
    ...deadlineWake(job, verdict, now),
  ];
}

interface Work {
  counts: Counts;
  pods: Pod[];
  active: Pod[];
  terminating: number;
  now: number;
}

function workers(job: Job, verdict: Verdict | undefined, suspended: boolean, work: Work): Action[] {
  if (verdict || suspended) return work.active.map((pod) => removeWorker(job, pod));
  return staff({ job, ...work });
}

function isEnded({ status }: Job): boolean {
  return isTrue(status?.conditions, 'Complete') || isTrue(status?.conditions, 'Failed');
}

/** A suspended Job has not started; one that resumes starts anew. */
function startOf(job: Job, suspended: boolean, now: number): JobStatus {
  if (suspended) return {};
  return { startTime: job.status?.startTime ?? formatTime(now) };
}

function conditionsOf(job: Job, verdict: Verdict | undefined, settled: boolean, now: number): JobCondition[] {
  const time = formatTime(now);
  let conditions = job.status?.conditions ?? [];
  const set = (type: string, status: string, reason: string, message: string) => {
    const before = conditions.find((condition) => condition.type === type);
    if (before?.status === status) return;
    const next: JobCondition = { type, status, reason, message, lastProbeTime: time };
    conditions = withCondition(conditions, next, time);
  };
  if (verdict) {
    set(verdict.interim, 'True', verdict.reason, verdict.message);
    if (settled) set(verdict.final, 'True', verdict.reason, verdict.message);
  } else if (job.spec.suspend) set('Suspended', 'True', 'JobSuspended', 'Job suspended');
  else if (isTrue(conditions, 'Suspended')) set('Suspended', 'False', 'JobResumed', 'Job resumed');
  return conditions;
}

function writeStatus(job: Job, status: JobStatus): Action[] {
  if (equal(comparable(status), comparable(job.status))) return [];
  const object: Job = { ...job, status };
  return [{ do: 'status', kind: jobKind, object }];
}

/** An empty list of uncounted pods is as good as none. */
function comparable(status: JobStatus | undefined): JobStatus {
  const { uncountedTerminatedPods = {}, ...rest } = status ?? {};
  return Object.keys(uncountedTerminatedPods).length > 0 ? { ...rest, uncountedTerminatedPods } : rest;
}

function tellEnd(job: Job, verdict: Verdict | undefined, settled: boolean): Action[] {
  if (!verdict || !settled) return [];
  return verdict.final === 'Complete'
    ? [{ do: 'event', regarding: job, type: 'Normal', reason: 'Completed', message: 'Job completed' }]
    : [{ do: 'event', regarding: job, type: 'Warning', reason: verdict.reason, message: verdict.message }];
}

function tellSuspension(job: Job, conditions: readonly JobCondition[]): Action[] {
  const before = isTrue(job.status?.conditions, 'Suspended');
  const after = isTrue(conditions, 'Suspended');
  if (before === after) return [];
  const [reason, message] = after ? ['Suspended', 'Job suspended'] : ['Resumed', 'Job resumed'];
  return [{ do: 'event', regarding: job, type: 'Normal', reason, message }];
}

function free({ metadata }: Pod): Action {
  const { namespace = '', name, uid, resourceVersion } = metadata;
  const finalizers = (metadata.finalizers ?? []).filter((finalizer) => finalizer !== trackingFinalizer);
  const patch = { metadata: { uid, resourceVersion, finalizers: finalizers.length > 0 ? finalizers : null } };
  return { do: 'patch', kind: podKind, target: { namespace, name }, uid, patch };
}

function deadlineWake(job: Job, verdict: Verdict | undefined, now: number): Action[] {
  const left = verdict ? undefined : untilDeadline(job, now);
  return left === undefined ? [] : [{ do: 'wake', afterMs: left }];
}
