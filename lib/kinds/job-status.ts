/** Faults of a job's status: what is counted only grows, and what has ended stays so. Upstream looks closely only at what a write changes. */
import { isTrue } from '#lib/meta/conditions.ts';
import { equal } from '#lib/meta/equal.ts';
import { duplicate, invalid, invalidUnshown, required, type FieldError } from '#lib/meta/errors.ts';
import { GoText, goList } from '#lib/meta/go-text.ts';
import { nonNegative } from './checks/values.ts';
import type { Job, JobSpec, JobStatus } from './gen/batch-v1.ts';
import { countIndexes, overlapOf } from './job-policies.ts';

type Faults = FieldError[];
type Condition = NonNullable<JobStatus['conditions']>[number]['type'];

export function checkJobStatus({ spec, status: now = {} }: Job, { status: before = {} }: Job): Faults {
  return [
    ...(['active', 'succeeded', 'failed', 'ready', 'terminating'] as const).flatMap((name) =>
      nonNegative(`status.${name}`, now[name]),
    ),
    ...checkUncounted(now),
    ...checkConclusion(now, before),
    ...checkFinish(now, before),
    ...checkIndexes(spec, now, before),
    ...checkPods(now, before),
    ...checkSuccess(spec, now),
    ...checkChange(spec, now, before),
  ];
}

function has(status: JobStatus, type: Condition): boolean {
  return isTrue(status.conditions, type);
}

function isFinished(status: JobStatus): boolean {
  return has(status, 'Complete') || has(status, 'Failed');
}

function cannot(what: string): FieldError {
  return invalidUnshown('status.conditions', `cannot ${what}`);
}

function checkUncounted({ uncountedTerminatedPods }: JobStatus): Faults {
  const seen = new Set<string>();
  return (['succeeded', 'failed'] as const).flatMap((list) =>
    (uncountedTerminatedPods?.[list] ?? []).flatMap((uid, i) => {
      const at = `status.uncountedTerminatedPods.${list}[${i}]`;
      if (!uid) return [invalid(at, uid, 'must not be empty')];
      if (seen.has(uid)) return [duplicate(at, uid)];
      seen.add(uid);
      return [];
    }),
  );
}

/** Conditions that go with each other, and the time of completion. */
function checkConclusion(now: JobStatus, before: JobStatus): Faults {
  const changes = (type: Condition) => has(now, type) !== has(before, type);
  const isNewTime = now.completionTime !== before.completionTime;
  const faults: Faults = [];
  for (const other of ['Failed', 'FailureTarget'] as const) {
    if ((changes('Complete') || changes(other)) && has(now, 'Complete') && has(now, other)) {
      faults.push(cannot(`set Complete=True and ${other}=true conditions`));
    }
  }
  const at = 'status.completionTime';
  const { startTime, completionTime } = now;
  if (completionTime !== undefined && !has(now, 'Complete') && (changes('Complete') || isNewTime)) {
    const detail = 'cannot set completionTime when there is no Complete=True condition';
    faults.push(invalid(at, goTime(completionTime), detail));
  }
  if (completionTime === undefined && has(now, 'Complete') && (changes('Complete') || isNewTime)) {
    faults.push(required(at, 'completionTime is required for Complete jobs'));
  }
  if (startTime !== undefined && completionTime !== undefined && (startTime !== before.startTime || isNewTime)) {
    if (Date.parse(completionTime) < Date.parse(startTime)) {
      faults.push(invalid(at, goTime(completionTime), 'completionTime cannot be set before startTime'));
    }
  }
  if (changes('Failed') && has(now, 'Failed') && !has(now, 'FailureTarget')) {
    faults.push(cannot('set Failed=True condition without the FailureTarget=true condition'));
  }
  if (changes('Complete') && has(now, 'Complete') && !has(now, 'SuccessCriteriaMet')) {
    faults.push(cannot('set Complete=True condition without the SuccessCriteriaMet=true condition'));
  }
  return faults;
}

/** As metav1.Time prints itself. */
function goTime(time: string): GoText {
  return new GoText(time.replace('T', ' ').replace('Z', ' +0000 UTC'));
}

/** What must be over when the job is. */
function checkFinish(now: JobStatus, before: JobStatus): Faults {
  if (!isFinished(now)) return [];
  const isNew = !isFinished(before);
  const faults: Faults = [];
  if ((now.active ?? 0) > 0 && (isNew || now.active !== before.active)) {
    faults.push(invalid('status.active', now.active, 'active>0 is invalid for finished job'));
  }
  if (now.startTime === undefined && (isNew || before.startTime !== undefined)) {
    faults.push(required('status.startTime', 'startTime is required for finished job'));
  }
  const uncounted = now.uncountedTerminatedPods;
  const left = (uncounted?.succeeded?.length ?? 0) + (uncounted?.failed?.length ?? 0);
  if (left > 0 && (isNew || !equal(uncounted, before.uncountedTerminatedPods))) {
    const [succeeded, failed] = [uncounted?.succeeded, uncounted?.failed].map((uids) => goList('types.UID', uids).text);
    const shown = new GoText(`batch.UncountedTerminatedPods{Succeeded:${succeeded}, Failed:${failed}}`);
    const detail = 'uncountedTerminatedPods needs to be empty for finished job';
    faults.push(invalid('status.uncountedTerminatedPods', shown, detail));
  }
  return faults;
}

function checkIndexes(spec: JobSpec, now: JobStatus, before: JobStatus): Faults {
  const { completions, completionMode, backoffLimitPerIndex } = spec;
  const { completedIndexes = '', failedIndexes } = now;
  const isNewCompleted = completedIndexes !== (before.completedIndexes ?? '');
  const isNewFailed = failedIndexes !== before.failedIndexes;
  const faults: Faults = [];
  const parsed = (name: string, text: string) => {
    const counted = countIndexes(text, completions ?? Infinity);
    if ('fault' in counted) faults.push(invalid(`status.${name}`, text, `error parsing ${name}: ${counted.fault}`));
  };
  if (isNewCompleted && completions !== undefined) parsed('completedIndexes', completedIndexes);
  if (isNewFailed && completions !== undefined && backoffLimitPerIndex !== undefined && failedIndexes !== undefined) {
    parsed('failedIndexes', failedIndexes);
  }
  if (isNewCompleted && completedIndexes && completionMode !== 'Indexed') {
    const detail = 'cannot set non-empty completedIndexes when non-indexed completion mode';
    faults.push(invalid('status.completedIndexes', completedIndexes, detail));
  }
  if (isNewFailed && failedIndexes !== undefined && backoffLimitPerIndex === undefined) {
    const detail = 'cannot set non-null failedIndexes when backoffLimitPerIndex is null';
    faults.push(invalid('status.failedIndexes', failedIndexes, detail));
  }
  if ((isNewFailed || isNewCompleted) && completions !== undefined && failedIndexes !== undefined) {
    const index = overlapOf(completedIndexes, failedIndexes, completions);
    if (index !== undefined) {
      const detail = `failedIndexes and completedIndexes overlap at index: ${index}`;
      faults.push(invalid('status.failedIndexes', failedIndexes, detail));
    }
  }
  return faults;
}

function checkPods(now: JobStatus, before: JobStatus): Faults {
  const faults: Faults = [];
  const isNewEnd = isFinished(now) !== isFinished(before);
  if ((now.terminating ?? 0) > 0 && isFinished(now) && (isNewEnd || now.terminating !== before.terminating)) {
    faults.push(invalid('status.terminating', now.terminating, 'terminating>0 is invalid for finished job'));
  }
  const isNewCount = now.ready !== before.ready || now.active !== before.active;
  if (isNewCount && now.ready !== undefined && now.ready > (now.active ?? 0)) {
    faults.push(invalid('status.ready', now.ready, 'cannot set more ready pods than active'));
  }
  return faults;
}

function checkSuccess({ successPolicy }: JobSpec, now: JobStatus): Faults {
  const isMet = has(now, 'SuccessCriteriaMet');
  const faults = (['Failed', 'FailureTarget'] as const)
    .filter((type) => isMet && has(now, type))
    .map((type) => cannot(`set SuccessCriteriaMet=True and ${type}=true conditions`));
  if (successPolicy && !isMet && has(now, 'Complete')) {
    faults.push(cannot('set Complete=True for Job with SuccessPolicy unless SuccessCriteriaMet=True'));
  }
  return faults;
}

function checkChange(spec: JobSpec, now: JobStatus, before: JobStatus): Faults {
  const faults = (['Failed', 'Complete', 'FailureTarget'] as const)
    .filter((type) => has(before, type) && !has(now, type))
    .map((type) => cannot(`disable the terminal ${type}=True condition`));
  // Indexed jobs that do all at once may be scaled down.
  const isElastic = spec.completionMode === 'Indexed' && spec.completions === spec.parallelism;
  for (const name of isElastic ? (['failed'] as const) : (['failed', 'succeeded'] as const)) {
    const count = now[name] ?? 0;
    if (count < (before[name] ?? 0))
      faults.push(invalid(`status.${name}`, count, `cannot decrease the ${name} counter`));
  }
  const { completionTime } = now;
  if (completionTime !== undefined && before.completionTime !== undefined && completionTime !== before.completionTime) {
    faults.push(invalid('status.completionTime', goTime(completionTime), 'completionTime cannot be mutated'));
  }
  if (before.startTime !== undefined && now.startTime !== before.startTime && !spec.suspend) {
    faults.push(required('status.startTime', 'startTime cannot be removed for unsuspended job'));
  }
  if (has(before, 'SuccessCriteriaMet') && !has(now, 'SuccessCriteriaMet')) {
    faults.push(cannot('disable the SuccessCriteriaMet=True condition'));
  }
  if (has(before, 'Complete') && !has(before, 'SuccessCriteriaMet') && has(now, 'SuccessCriteriaMet')) {
    faults.push(cannot('set SuccessCriteriaMet=True for Job already has Complete=true conditions'));
  }
  return faults;
}
