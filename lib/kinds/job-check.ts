/** Faults of jobs, and of the jobs that cron jobs make. */
import { copy, equal } from '#lib/meta/equal.ts';
import { invalid, notSupported, required, tooLong, type FieldError } from '#lib/meta/errors.ts';
import { goLabels } from '#lib/meta/go-text.ts';
import { labelNameFaults } from '#lib/meta/names.ts';
import { selects } from '#lib/meta/selectors.ts';
import { domainPath } from './checks/domains.ts';
import { goStruct } from './checks/go-value.ts';
import { unchanged } from './checks/metadata.ts';
import { checkLabelSelector, goSelector, isReadable, unchangedSelector } from './checks/selectors.ts';
import { nonNegative, optionalOneOf } from './checks/values.ts';
import { checkTemplateLabels } from './checks/workloads.ts';
import type { Job, JobSpec } from './gen/batch-v1.ts';
import { checkFailurePolicy, checkSuccessPolicy } from './job-policies.ts';
import { checkPodTemplate } from './pod-spec/check.ts';

type Faults = FieldError[];

const maxIndexed = 100_000;
const maxWithManyCompletions = 10_000;
const maxManagerLength = 63;
const counts = [
  'parallelism',
  'completions',
  'activeDeadlineSeconds',
  'backoffLimit',
  'ttlSecondsAfterFinished',
  'backoffLimitPerIndex',
  'maxFailedIndexes',
] as const;

/** Faults of a job of its own. */
export function checkJob({ metadata, spec }: Job): Faults {
  const { completionMode, completions = 0 } = spec;
  const faults = [
    ...checkGenerated({ metadata, spec }),
    ...checkJobSpec('spec', spec),
    ...(spec.selector ? checkLabelSelector('spec.selector', spec.selector) : [required('spec.selector')]),
    ...checkTemplateLabels(spec.selector, spec.template),
  ];
  if (completionMode === 'Indexed' && completions > 0) {
    const host = `${metadata.name}-${completions - 1}`;
    if (labelNameFaults(host).length > 0) {
      const detail = `will not able to create pod with invalid DNS label: ${host}`;
      faults.push(invalid('metadata.name', metadata.name, detail));
    }
  }
  return faults;
}

/** A selector that no other job can share, and labels that it finds: the server has made both if nobody asked otherwise. */
function checkGenerated({ metadata, spec }: Pick<Job, 'metadata' | 'spec'>): Faults {
  if (spec.manualSelector || !spec.selector) return [];
  const labels = spec.template.metadata?.labels ?? {};
  const wanted: Record<string, string> = {
    'controller-uid': metadata.uid,
    'job-name': metadata.name,
    'batch.kubernetes.io/controller-uid': metadata.uid,
    'batch.kubernetes.io/job-name': metadata.name,
  };
  const faults = Object.entries(wanted).flatMap(([key, value]) => {
    const at = `spec.template.metadata.labels[${key}]`;
    if (!Object.hasOwn(labels, key)) return [required(at, `must be '${value}'`)];
    return labels[key] === value ? [] : [invalid(at, goLabels(labels), `must be '${value}'`)];
  });
  return isReadable(spec.selector) && !selects(spec.selector, wanted)
    ? [...faults, invalid('spec.selector', goSelector(spec.selector), '`selector` not auto-generated')]
    : faults;
}

function checkJobSpec(path: string, spec: JobSpec): Faults {
  const { managedBy, podFailurePolicy } = spec;
  const faults = counts.flatMap((name) => nonNegative(`${path}.${name}`, spec[name]));
  if (spec.maxFailedIndexes !== undefined && spec.backoffLimitPerIndex === undefined) {
    faults.push(required(`${path}.backoffLimitPerIndex`, 'when maxFailedIndexes is specified'));
  }
  if (managedBy !== undefined) {
    faults.push(...domainPath(`${path}.managedBy`, managedBy));
    if (managedBy.length > maxManagerLength) faults.push(tooLong(`${path}.managedBy`, maxManagerLength));
  }
  faults.push(...checkMode(path, spec), ...checkFailurePolicy(`${path}.podFailurePolicy`, spec));
  if (spec.successPolicy) faults.push(...checkSuccess(`${path}.successPolicy`, spec));
  const replacements = podFailurePolicy ? ['Failed'] : ['Failed', 'TerminatingOrFailed'];
  faults.push(...optionalOneOf(`${path}.podReplacementPolicy`, spec.podReplacementPolicy, replacements));
  faults.push(...checkPodTemplate(`${path}.template`, spec.template));
  return [...faults, ...checkRestarts(`${path}.template.spec.restartPolicy`, spec)];
}

function checkSuccess(path: string, spec: JobSpec): Faults {
  if (spec.completionMode === 'Indexed') return checkSuccessPolicy(path, spec);
  const shown = goStruct('io.k8s.api.batch.v1.SuccessPolicy', spec.successPolicy);
  return [invalid(path, shown, 'requires indexed completion mode')];
}

function checkRestarts(path: string, { podFailurePolicy, template }: JobSpec): Faults {
  const policy: string | undefined = template.spec?.restartPolicy;
  if (!policy || policy === 'Always') return [required(path, 'valid values: "OnFailure", "Never"')];
  if (policy !== 'OnFailure' && policy !== 'Never') return [notSupported(path, policy, ['OnFailure', 'Never'])];
  return podFailurePolicy && policy !== 'Never'
    ? [invalid(path, policy, 'only "Never" is supported when podFailurePolicy is specified')]
    : [];
}

/** Rules that only jobs with indexes, or only jobs without, obey. */
function checkMode(path: string, spec: JobSpec): Faults {
  const { completionMode, backoffLimitPerIndex, maxFailedIndexes } = spec;
  const faults = optionalOneOf(`${path}.completionMode`, completionMode, ['NonIndexed', 'Indexed']);
  if (completionMode === 'Indexed') return [...faults, ...checkIndexed(path, spec)];
  if (completionMode !== undefined && completionMode !== 'NonIndexed') return faults;
  for (const [name, value] of Object.entries({ backoffLimitPerIndex, maxFailedIndexes })) {
    if (value !== undefined) faults.push(invalid(`${path}.${name}`, value, 'requires indexed completion mode'));
  }
  return faults;
}

function checkIndexed(path: string, spec: JobSpec): Faults {
  const { completions, parallelism = 0, maxFailedIndexes } = spec;
  const failed = `${path}.maxFailedIndexes`;
  const faults: Faults = [];
  const atMost = (at: string, value: number, most: number, when: string) => {
    if (value > most) faults.push(invalid(at, value, `must be less than or equal to ${most}${when}`));
  };
  if (completions === undefined) faults.push(required(`${path}.completions`, 'when completion mode is Indexed'));
  atMost(`${path}.parallelism`, parallelism, maxIndexed, ' when completion mode is Indexed');
  if (maxFailedIndexes !== undefined) {
    if (completions !== undefined && maxFailedIndexes > completions) {
      faults.push(invalid(failed, maxFailedIndexes, 'must be less than or equal to completions'));
    }
    atMost(failed, maxFailedIndexes, maxIndexed, '');
  }
  if ((completions ?? 0) > maxIndexed && spec.backoffLimitPerIndex !== undefined) {
    const when = ` when completions are above ${maxIndexed} and used with backoff limit per index`;
    if (maxFailedIndexes === undefined) {
      faults.push(required(failed, `must be specified when completions is above ${maxIndexed}`));
    }
    atMost(`${path}.parallelism`, parallelism, maxWithManyCompletions, when);
    atMost(failed, maxFailedIndexes ?? 0, maxWithManyCompletions, when);
  }
  return faults;
}

/** Faults of a change: what a job is to do stays, how fast may change. */
export function checkJobChange(now: JobSpec, { spec: before, status }: Job): Faults {
  // A suspended job that has not started may still be told where its pods should run.
  const steerable = before.suspend === true && status?.startTime === undefined;
  return [
    ...completionsChange(now, before),
    ...unchangedSelector(now.selector, before.selector),
    ...templateChange(now.template, steerable ? resteered(now, before) : before.template),
    ...unchanged('spec.completionMode', now.completionMode, before.completionMode),
    ...policyChange('podFailurePolicy', 'PodFailurePolicy', now, before),
    ...unchanged('spec.backoffLimitPerIndex', now.backoffLimitPerIndex, before.backoffLimitPerIndex),
    ...unchanged('spec.managedBy', now.managedBy, before.managedBy),
    ...policyChange('successPolicy', 'SuccessPolicy', now, before),
  ];
}

const immutable = 'field is immutable';

function templateChange(now: JobSpec['template'], before: JobSpec['template']): Faults {
  if (equal(now, before)) return [];
  return [invalid('spec.template', goStruct('io.k8s.api.core.v1.PodTemplateSpec', now), immutable)];
}

function policyChange(
  field: 'podFailurePolicy' | 'successPolicy',
  type: string,
  now: JobSpec,
  before: JobSpec,
): Faults {
  if (equal(now[field], before[field])) return [];
  const shown = now[field] && goStruct(`io.k8s.api.batch.v1.${type}`, now[field]);
  return [invalid(`spec.${field}`, shown, immutable)];
}

/** The old template with the new scheduling directives. */
function resteered({ template: now }: JobSpec, { template: before }: JobSpec): JobSpec['template'] {
  const template = copy(before);
  template.metadata = {
    ...template.metadata,
    labels: now.metadata?.labels,
    annotations: now.metadata?.annotations,
  };
  if (!template.spec || !now.spec) return template;
  const { nodeSelector, tolerations, schedulingGates, affinity } = now.spec;
  Object.assign(template.spec, { nodeSelector, tolerations, schedulingGates });
  const others = { ...template.spec.affinity, nodeAffinity: affinity?.nodeAffinity };
  template.spec.affinity = affinity || equal(others, {}) ? affinity && others : others;
  return template;
}

/** Faults of the job template of a cron job, whose selector its jobs will get by themselves. */
export function checkJobTemplate(path: string, spec: JobSpec): Faults {
  const faults = checkJobSpec(path, spec);
  if (spec.selector) {
    faults.push(invalid(`${path}.selector`, goSelector(spec.selector), '`selector` will be auto-generated'));
  }
  if (spec.manualSelector) faults.push(notSupported(`${path}.manualSelector`, true, ['nil', 'false']));
  return faults;
}

/** An indexed job may grow and shrink, all of it at once. */
function completionsChange({ completionMode, completions, parallelism }: JobSpec, before: JobSpec): Faults {
  if (completionMode !== 'Indexed') return unchanged('spec.completions', completions, before.completions);
  if (completions === undefined || completions === before.completions || completions === parallelism) return [];
  return [invalid('spec.completions', completions, 'can only be modified in tandem with spec.parallelism')];
}
