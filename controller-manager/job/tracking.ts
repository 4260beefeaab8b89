/**
 * Counts each finished pod exactly once, whatever is killed when. A pod holds a finalizer from its birth; its end is first noted by uid in
 * the Job's status, then the finalizer goes, then the note becomes a number, in one write with its removal. So a finished pod is always
 * in exactly one of three states: not noted and with finalizer, noted, counted and without.
 */
import type { Job, UncountedTerminatedPods } from '#lib/kinds/gen/batch-v1.ts';
import type { Pod } from '#lib/kinds/gen/core-v1.ts';
import { formatIndexes, parseIndexes } from './indexes.ts';
import { ruleFor } from './failure-policy.ts';

export const trackingFinalizer = 'batch.kubernetes.io/job-tracking';
export const indexKey = 'batch.kubernetes.io/job-completion-index';
export const failureCountKey = 'batch.kubernetes.io/job-index-failure-count';

export interface Counts {
  /** As written to status. */
  succeeded: number;
  failed: number;
  uncounted: UncountedTerminatedPods;
  /** Counted and noted together. */
  succeededSoFar: number;
  failedSoFar: number;
  completed: Set<number>;
  failedIndexes: Set<number>;
  /** Pods to free of the finalizer once the status is written. */
  release: Pod[];
}

export function isIndexed({ spec }: Job): boolean {
  return spec.completionMode === 'Indexed';
}

export function isTracked({ metadata }: Pod): boolean {
  return (metadata.finalizers ?? []).includes(trackingFinalizer);
}

/** The completion index of a pod; undefined when it has none below `completions`. */
export function indexOf({ metadata }: Pod, { spec }: Job): number | undefined {
  const text = metadata.annotations?.[indexKey] ?? '';
  if (!/^\d+$/.test(text)) return undefined;
  return Number(text) < (spec.completions ?? 0) ? Number(text) : undefined;
}

/** Whether the pod counts as failed: it did, or it goes without having succeeded and need not be waited for. */
export function isFailed({ status, metadata }: Pod, { spec }: Job): boolean {
  if (status?.phase === 'Failed') return true;
  if (spec.podReplacementPolicy === 'Failed' || spec.podFailurePolicy) return false;
  return metadata.deletionTimestamp !== undefined && status?.phase !== 'Succeeded';
}

/** Failures of an index so far, of those pods that are still there. */
export function failuresOf(index: number, pods: readonly Pod[], job: Job): number {
  const counts = pods
    .filter((pod) => indexOf(pod, job) === index)
    .map((pod) => {
      const before = Number(pod.metadata.annotations?.[failureCountKey] ?? 0);
      const counted = isFailed(pod, job) && ruleFor(pod, job)?.action !== 'Ignore';
      return before + (counted ? 1 : 0);
    });
  return Math.max(0, ...counts);
}

/** `freeAll` when the Job itself goes and nothing needs to be counted any more. */
export function countPods(job: Job, pods: readonly Pod[], freeAll: boolean): Counts {
  const { status, spec } = job;
  const completions = spec.completions ?? 0;
  const tracked = new Map(pods.filter(isTracked).map((pod) => [pod.metadata.uid, pod]));
  const stillNoted = (uids: readonly string[] = []) => uids.filter((uid) => tracked.has(uid));
  const noted = {
    succeeded: stillNoted(status?.uncountedTerminatedPods?.succeeded),
    failed: stillNoted(status?.uncountedTerminatedPods?.failed),
  };
  const settled = {
    succeeded: (status?.uncountedTerminatedPods?.succeeded ?? []).length - noted.succeeded.length,
    failed: (status?.uncountedTerminatedPods?.failed ?? []).length - noted.failed.length,
  };
  const completed = parseIndexes(status?.completedIndexes, completions);
  const failedIndexes = parseIndexes(status?.failedIndexes, completions);
  const release: Pod[] = [];
  for (const [uid, pod] of tracked) {
    const index = indexOf(pod, job);
    const counts = !isIndexed(job) || index !== undefined;
    if (pod.status?.phase === 'Succeeded') {
      release.push(pod);
      if (isIndexed(job)) {
        // The index alone says that it is done; a second pod of it changes nothing.
        if (index !== undefined) completed.add(index);
      } else if (!noted.succeeded.includes(uid)) noted.succeeded.push(uid);
    } else if (isFailed(pod, job)) {
      release.push(pod);
      const rule = ruleFor(pod, job);
      if (counts && rule?.action !== 'Ignore' && !noted.failed.includes(uid)) noted.failed.push(uid);
      if (index !== undefined && spec.backoffLimitPerIndex !== undefined) {
        const failures = failuresOf(index, pods, job);
        if (rule?.action === 'FailIndex' || failures > spec.backoffLimitPerIndex) failedIndexes.add(index);
      }
    } else if (freeAll) release.push(pod);
  }
  for (const index of completed) failedIndexes.delete(index);
  const succeeded = isIndexed(job) ? completed.size : (status?.succeeded ?? 0) + settled.succeeded;
  const failed = (status?.failed ?? 0) + settled.failed;
  return {
    succeeded,
    failed,
    uncounted: {
      ...(noted.succeeded.length > 0 && { succeeded: noted.succeeded }),
      ...(noted.failed.length > 0 && { failed: noted.failed }),
    },
    succeededSoFar: succeeded + noted.succeeded.length,
    failedSoFar: failed + noted.failed.length,
    completed,
    failedIndexes,
    release,
  };
}

/** The texts of the index sets, for an indexed Job. */
export function indexTexts(
  job: Job,
  { completed, failedIndexes }: Counts,
): { completedIndexes?: string; failedIndexes?: string } {
  if (!isIndexed(job)) return {};
  const text = formatIndexes(completed);
  return {
    ...(text && { completedIndexes: text }),
    ...(job.spec.backoffLimitPerIndex !== undefined && { failedIndexes: formatIndexes(failedIndexes) }),
  };
}
