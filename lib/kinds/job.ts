import { isTrue } from '#lib/meta/conditions.ts';
import { humanDuration } from '#lib/meta/duration.ts';
import { parseTime } from '#lib/meta/time.ts';
import { ageColumn, containerColumns, nameColumn, selectorColumn, text } from './columns.ts';
import { makerNameWarnings } from './checks/name-warnings.ts';
import { jobWarnings } from './job-warnings.ts';
import { defineKind, type PrintContext } from './define-kind.ts';
import type { Job } from './gen/batch-v1.ts';
import { checkJob, checkJobChange } from './job-check.ts';
import { setFailurePolicyDefaults } from './job-policies.ts';
import { checkJobStatus } from './job-status.ts';
import { setTemplateDefaults } from './pod-spec/defaults.ts';

export const job = defineKind<Job>({
  group: 'batch',
  version: 'v1',
  kind: 'Job',
  description: 'Runs pods until enough of them have succeeded.',
  plural: 'jobs',
  categories: ['all'],
  namespaced: true,
  dependents: 'orphaned',
  schema: 'io.k8s.api.batch.v1.Job',
  status: true,
  generation: true,
  defaults: ({ metadata, spec }) => {
    if (spec.completions === undefined && spec.parallelism === undefined) spec.completions = 1;
    spec.parallelism ??= 1;
    // With a limit per index, the limit of the whole job is no limit.
    spec.backoffLimit ??= spec.backoffLimitPerIndex === undefined ? 6 : 2147483647;
    spec.completionMode ||= 'NonIndexed';
    spec.suspend ??= false;
    spec.manualSelector ??= false;
    spec.podReplacementPolicy ||= spec.podFailurePolicy ? 'Failed' : 'TerminatingOrFailed';
    setFailurePolicyDefaults(spec);
    setTemplateDefaults((spec.template ??= {}));
    shareLabels(metadata, spec);
  },
  prepareCreate: (object) => {
    delete object.status;
    if (object.spec.manualSelector) return;
    selectByUid(object);
    shareLabels(object.metadata, object.spec);
  },
  check: (object, before) => [...checkJob(object), ...(before ? checkJobChange(object.spec, before) : [])],
  checkStatus: checkJobStatus,
  warnings: ({ metadata, spec }, before) => [
    ...(before ? [] : makerNameWarnings(metadata.name)),
    ...jobWarnings('spec', spec),
  ],
  columns: [
    nameColumn,
    text('Status', stateOf),
    text('Completions', completionsOf),
    text('Duration', durationOf),
    ageColumn,
    ...containerColumns<Job>(({ spec }) => spec.template.spec?.containers),
    selectorColumn(({ spec }) => spec.selector),
  ],
  fields: { 'status.successful': ({ status }) => String(status?.succeeded ?? 0) },
  unknownField: (path) => `field label ${JSON.stringify(path)} not supported for batchv1.Job`,
});

/** A job without labels has those of its template: the very ones, so that what is added to the one is added to the other. */
function shareLabels(metadata: Job['metadata'], { template }: Job['spec']): void {
  const labels = template.metadata?.labels;
  if (labels && Object.keys(metadata.labels ?? {}).length === 0) metadata.labels = labels;
}

/** Labels and selector that no other job can share, so that jobs never adopt each other's pods. */
function selectByUid({ metadata, spec }: Job): void {
  const labels = ((spec.template.metadata ??= {}).labels ??= {});
  for (const prefix of ['', 'batch.kubernetes.io/']) {
    labels[`${prefix}controller-uid`] ??= metadata.uid;
    labels[`${prefix}job-name`] ??= metadata.name;
  }
  spec.selector ??= {};
  (spec.selector.matchLabels ??= {})['batch.kubernetes.io/controller-uid'] ??= metadata.uid;
}

function stateOf({ metadata, status }: Job): string {
  const is = (type: string) => isTrue(status?.conditions, type);
  if (is('Complete')) return 'Complete';
  if (is('Failed')) return 'Failed';
  if (metadata.deletionTimestamp) return 'Terminating';
  if (is('Suspended')) return 'Suspended';
  if (is('FailureTarget')) return 'FailureTarget';
  return is('SuccessCriteriaMet') ? 'SuccessCriteriaMet' : 'Running';
}

function completionsOf({ spec, status }: Job): string {
  const succeeded = status?.succeeded ?? 0;
  if (spec.completions !== undefined) return `${succeeded}/${spec.completions}`;
  const parallelism = spec.parallelism ?? 0;
  return parallelism > 1 ? `${succeeded}/1 of ${parallelism}` : `${succeeded}/1`;
}

function durationOf({ status }: Job, { now }: PrintContext): string {
  const start = parseTime(status?.startTime);
  return start === undefined ? '' : humanDuration((parseTime(status?.completionTime) ?? now) - start);
}
