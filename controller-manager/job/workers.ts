/** How many pods a Job should have now, and which: growing, shrinking, and resting after failures. */
import type { Action } from '#lib/control/types.ts';
import type { Job } from '#lib/kinds/gen/batch-v1.ts';
import type { Container, Pod } from '#lib/kinds/gen/core-v1.ts';
import { pod as podKind } from '#lib/kinds/pod.ts';
import type { Draft } from '#lib/meta/object.ts';
import { parseTime } from '#lib/meta/time.ts';
import { leastUsefulFirst } from '../replica-set/ranking.ts';
import { podFrom } from '../replica-set/decide.ts';
import { failureCountKey, failuresOf, indexKey, indexOf, isFailed, isIndexed, trackingFinalizer } from './tracking.ts';
import type { Counts } from './tracking.ts';

export interface Workforce {
  job: Job;
  counts: Counts;
  pods: readonly Pod[];
  active: readonly Pod[];
  /** Pods that are going but not gone. */
  terminating: number;
  now: number;
}

/** Creates and deletes in one turn, as upstream. */
const burst = 500;
const restBaseMs = 10_000;
const restLimitMs = 600_000;

/** The creates and deletes that bring the number of workers to what is wanted. */
export function staff(workforce: Workforce): Action[] {
  const { job, counts, active, terminating, pods, now } = workforce;
  const parallelism = job.spec.parallelism ?? 1;
  const { completions } = job.spec;
  const open = completions === undefined ? parallelism : Math.max(0, completions - counts.succeededSoFar);
  const ending = completions === undefined && counts.succeededSoFar > 0;
  const wanted = ending ? active.length : Math.min(open, parallelism);
  const duplicates = isIndexed(job) ? superfluous(workforce) : [];
  const surplus = Math.max(active.length - wanted, duplicates.length);
  if (surplus > 0) {
    const others = active.filter((pod) => !duplicates.includes(pod)).toSorted(leastUsefulFirst(active, now));
    const victims = [...duplicates, ...others].slice(0, Math.min(surplus, burst));
    return victims.map((pod) => removeWorker(job, pod));
  }
  const held = job.spec.podReplacementPolicy === 'Failed' || job.spec.podFailurePolicy ? terminating : 0;
  const missing = Math.min(wanted - active.length - held, burst);
  if (missing <= 0) return [];
  const restMs = untilRested(job, pods, now);
  if (restMs > 0) return [{ do: 'wake', afterMs: restMs }];
  if (!isIndexed(job)) return Array.from({ length: missing }, () => createWorker(job, plainWorker(job)));
  return freeIndexes(workforce, missing).map((index) =>
    createWorker(job, indexedWorker(job, index, failuresOf(index, pods, job))),
  );
}

export function removeWorker(job: Job, { metadata }: Pod): Action {
  const done = { reason: 'SuccessfulDelete', message: 'Deleted pod: {name}' };
  const failed = { reason: 'FailedDelete', message: 'Error deleting: {error}' };
  const target = { namespace: metadata.namespace ?? '', name: metadata.name };
  return { do: 'delete', kind: podKind, target, uid: metadata.uid, report: { regarding: job, done, failed } };
}

/** Further pods of an index that one works on, and pods of indexes that are done or beyond the end. */
function superfluous({ job, counts, active }: Workforce): Pod[] {
  const taken = new Set<number>();
  return active.filter((pod) => {
    const index = indexOf(pod, job);
    if (index === undefined || counts.completed.has(index) || counts.failedIndexes.has(index) || taken.has(index))
      return true;
    taken.add(index);
    return false;
  });
}

function freeIndexes({ job, counts, active }: Workforce, wanted: number): number[] {
  const taken = new Set(active.map((pod) => indexOf(pod, job)));
  const indexes: number[] = [];
  for (let index = 0; index < (job.spec.completions ?? 0) && indexes.length < wanted; index++) {
    if (!taken.has(index) && !counts.completed.has(index) && !counts.failedIndexes.has(index)) indexes.push(index);
  }
  return indexes;
}

/** After failures in a row the next pod waits: 10 s, doubled with each, at most 10 minutes since the last one. */
function untilRested(job: Job, pods: readonly Pod[], now: number): number {
  const ended = pods
    .filter((pod) => pod.status?.phase === 'Succeeded' || isFailed(pod, job))
    .map((pod) => ({ failed: pod.status?.phase !== 'Succeeded', at: endOf(pod, now) }))
    .toSorted((a, b) => b.at - a.at);
  const streak = ended.findIndex(({ failed }) => !failed);
  const failures = streak < 0 ? ended.length : streak;
  if (failures === 0) return 0;
  const rest = Math.min(restBaseMs * 2 ** Math.min(failures - 1, 20), restLimitMs);
  return Math.max(0, ended[0]!.at + rest - now);
}

function endOf({ status, metadata }: Pod, now: number): number {
  const times = (status?.containerStatuses ?? []).map(({ state }) => parseTime(state?.terminated?.finishedAt));
  const known = times.filter((time) => time !== undefined);
  return known.length > 0
    ? Math.max(...known)
    : (parseTime(metadata.deletionTimestamp) ?? parseTime(metadata.creationTimestamp) ?? now);
}

function createWorker(job: Job, object: Draft<Pod>): Action {
  const done = { reason: 'SuccessfulCreate', message: 'Created pod: {name}' };
  const failed = { reason: 'FailedCreate', message: 'Error creating: {error}' };
  return { do: 'create', kind: podKind, object, report: { regarding: job, done, failed } };
}

function plainWorker(job: Job): Draft<Pod> {
  const draft = podFrom(job.spec.template, job);
  return {
    ...draft,
    metadata: { ...draft.metadata, finalizers: [...(draft.metadata.finalizers ?? []), trackingFinalizer] },
  };
}

/** A worker that knows its index by annotation, label, host name and environment. */
function indexedWorker(job: Job, index: number, failures: number): Draft<Pod> {
  const draft = plainWorker(job);
  const { metadata, spec } = draft;
  const count = job.spec.backoffLimitPerIndex === undefined ? {} : { [failureCountKey]: `${failures}` };
  return {
    ...draft,
    metadata: {
      ...metadata,
      generateName: `${job.metadata.name}-${index}-`,
      annotations: { ...metadata.annotations, [indexKey]: `${index}`, ...count },
      labels: { ...metadata.labels, [indexKey]: `${index}` },
    },
    spec: {
      ...spec,
      hostname: `${job.metadata.name}-${index}`,
      containers: spec.containers.map(withIndexVariable),
      ...(spec.initContainers && { initContainers: spec.initContainers.map(withIndexVariable) }),
    },
  };
}

const indexVariable = 'JOB_COMPLETION_INDEX';

function withIndexVariable(container: Container): Container {
  if (container.env?.some(({ name }) => name === indexVariable)) return container;
  const fieldPath = `metadata.labels['${indexKey}']`;
  const variable = { name: indexVariable, valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath } } };
  return { ...container, env: [...(container.env ?? []), variable] };
}
