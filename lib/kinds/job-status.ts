/** Faults of a job's status: what is counted only grows, and what has ended stays so. */
import { isTrue } from '#lib/meta/conditions.ts';
import { duplicate, invalid, invalidUnshown, required, type FieldError } from '#lib/meta/errors.ts';
import { GoText } from '#lib/meta/go-text.ts';
import { nonNegative } from './checks/values.ts';
import type { Job, JobStatus } from './gen/batch-v1.ts';
import { countIndexes } from './job-policies.ts';

type Faults = FieldError[];
type Condition = NonNullable<JobStatus['conditions']>[number]['type'];

/** Upstream looks closely only at what a write changes. */
export function checkJobStatus({ spec, status: now = {} }: Job, { status: before = {} }: Job): Faults {
  const faults = (['active', 'succeeded', 'failed', 'ready', 'terminating'] as const).flatMap((name) =>
    nonNegative(`status.${name}`, now[name]),
  );
  const seen = new Set<string>();
  for (const list of ['succeeded', 'failed'] as const) {
    for (const [i, uid] of (now.uncountedTerminatedPods?.[list] ?? []).entries()) {
      const at = `status.uncountedTerminatedPods.${list}[${i}]`;
      if (!uid) faults.push(invalid(at, uid, 'must not be empty'));
      else if (seen.has(uid)) faults.push(duplicate(at, uid));
      seen.add(uid);
    }
  }
  return [
    ...faults,
    ...checkConditions(now, before),
    ...checkTimes(now),
    ...checkIndexes(spec, now),
    ...checkShrinking(now, before),
  ];
}

function has(status: JobStatus, type: Condition): boolean {
  return isTrue(status.conditions, type);
}

function checkConditions(now: JobStatus, before: JobStatus): Faults {
  const faults: Faults = [];
  const cannot = (what: string) => faults.push(invalidUnshown('status.conditions', `cannot ${what}`));
  const both = (one: Condition, other: Condition, shown: string) => {
    if (has(now, one) && has(now, other)) cannot(`set ${one}=True and ${shown} conditions`);
  };
  both('Complete', 'Failed', 'Failed=true');
  both('Complete', 'FailureTarget', 'FailureTarget=true');
  const isFinished = has(now, 'Complete') || has(now, 'Failed');
  if (isFinished && (now.active ?? 0) > 0) {
    faults.push(invalid('status.active', now.active, 'active>0 is invalid for finished job'));
  }
  both('SuccessCriteriaMet', 'Failed', 'Failed=true');
  both('SuccessCriteriaMet', 'FailureTarget', 'FailureTarget=true');
  for (const type of ['Failed', 'Complete', 'FailureTarget'] as const) {
    if (has(before, type) && !has(now, type)) cannot(`disable the terminal ${type}=True condition`);
  }
  if (has(before, 'SuccessCriteriaMet') && !has(now, 'SuccessCriteriaMet')) {
    cannot('disable the SuccessCriteriaMet=True condition');
  }
  return faults;
}

function checkTimes(now: JobStatus): Faults {
  const { startTime, completionTime } = now;
  const at = 'status.completionTime';
  if (completionTime === undefined) {
    return has(now, 'Complete') ? [required(at, 'completionTime is required for Complete jobs')] : [];
  }
  const shown = new GoText(completionTime.replace('T', ' ').replace('Z', ' +0000 UTC'));
  const faults: Faults = [];
  if (!has(now, 'Complete')) {
    faults.push(invalid(at, shown, 'cannot set completionTime when there is no Complete=True condition'));
  }
  if (startTime !== undefined && Date.parse(completionTime) < Date.parse(startTime)) {
    faults.push(invalid(at, shown, 'completionTime cannot be set before startTime'));
  }
  return faults;
}

function checkIndexes({ completions, completionMode, backoffLimitPerIndex }: Job['spec'], now: JobStatus): Faults {
  const { completedIndexes = '', failedIndexes } = now;
  const faults: Faults = [];
  const parsed = (name: string, text: string) => {
    const counted = countIndexes(text, completions ?? Infinity);
    if ('fault' in counted) faults.push(invalid(`status.${name}`, text, `error parsing ${name}: ${counted.fault}`));
  };
  if (completions !== undefined) parsed('completedIndexes', completedIndexes);
  if (completions !== undefined && backoffLimitPerIndex !== undefined && failedIndexes !== undefined) {
    parsed('failedIndexes', failedIndexes);
  }
  if (completedIndexes && completionMode !== 'Indexed') {
    const detail = 'cannot set non-empty completedIndexes when non-indexed completion mode';
    faults.push(invalid('status.completedIndexes', completedIndexes, detail));
  }
  if (failedIndexes !== undefined && backoffLimitPerIndex === undefined) {
    const detail = 'cannot set non-null failedIndexes when backoffLimitPerIndex is null';
    faults.push(invalid('status.failedIndexes', failedIndexes, detail));
  }
  return faults;
}

function checkShrinking(now: JobStatus, before: JobStatus): Faults {
  return (['failed', 'succeeded'] as const).flatMap((name) => {
    const count = now[name] ?? 0;
    return count < (before[name] ?? 0) ? [invalid(`status.${name}`, count, `cannot decrease the ${name} counter`)] : [];
  });
}
