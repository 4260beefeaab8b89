/** Faults of jobs, and of the jobs that cron jobs make. */
import { copy, equal } from '#lib/meta/equal.ts';
import { fieldForbidden, invalid, notSupported, required, type FieldError } from '#lib/meta/errors.ts';
import { unchanged } from './checks/metadata.ts';
import { checkLabelSelector, checkTemplateLabels } from './checks/selectors.ts';
import { nonNegative, oneOf, optionalOneOf } from './checks/values.ts';
import type { Job, JobSpec, PodFailurePolicyRule } from './gen/batch-v1.ts';
import { checkPodTemplate } from './pod-spec/check.ts';

type Faults = FieldError[];

const maxIndexedParallelism = 100_000;
const maxRules = 20;
const maxExitCodes = 255;
const counts = [
  'parallelism',
  'completions',
  'activeDeadlineSeconds',
  'backoffLimit',
  'ttlSecondsAfterFinished',
  'backoffLimitPerIndex',
  'maxFailedIndexes',
] as const;

export function checkJobSpec(path: string, spec: JobSpec): Faults {
  const faults = counts.flatMap((name) => nonNegative(`${path}.${name}`, spec[name]));
  faults.push(...checkIndexed(path, spec));
  faults.push(
    ...optionalOneOf(`${path}.podReplacementPolicy`, spec.podReplacementPolicy, ['Failed', 'TerminatingOrFailed']),
  );
  faults.push(...checkFailurePolicy(`${path}.podFailurePolicy`, spec));
  faults.push(...checkPodTemplate(`${path}.template`, spec.template));
  const policy = spec.template.spec?.restartPolicy;
  const at = `${path}.template.spec.restartPolicy`;
  if (policy === 'Always' || !policy) faults.push(required(at, 'valid values: "OnFailure", "Never"'));
  else if (policy === 'OnFailure' && spec.podFailurePolicy) {
    faults.push(invalid(at, policy, 'only "Never" is supported when podFailurePolicy is specified'));
  }
  return faults;
}

/** Rules that only jobs with indexes, or only jobs without, obey. */
function checkIndexed(path: string, spec: JobSpec): Faults {
  const { completionMode, completions, parallelism = 0, backoffLimitPerIndex, maxFailedIndexes, successPolicy } = spec;
  const faults = optionalOneOf(`${path}.completionMode`, completionMode, ['NonIndexed', 'Indexed']);
  if (completionMode === 'Indexed') {
    if (completions === undefined) {
      faults.push(required(`${path}.completions`, 'when completion mode is Indexed'));
    }
    if (parallelism > maxIndexedParallelism) {
      faults.push(
        invalid(
          `${path}.parallelism`,
          parallelism,
          `must be less than or equal to ${maxIndexedParallelism} when completion mode is Indexed`,
        ),
      );
    }
    if (maxFailedIndexes !== undefined && completions !== undefined && maxFailedIndexes > completions) {
      faults.push(invalid(`${path}.maxFailedIndexes`, maxFailedIndexes, 'must be less than or equal to completions'));
    }
  } else {
    for (const [name, value] of Object.entries({ backoffLimitPerIndex, maxFailedIndexes })) {
      if (value !== undefined) faults.push(fieldForbidden(`${path}.${name}`, 'requires indexed completion mode'));
    }
    if (successPolicy) faults.push(invalid(`${path}.successPolicy`, successPolicy, 'requires indexed completion mode'));
  }
  if (maxFailedIndexes !== undefined && backoffLimitPerIndex === undefined) {
    faults.push(required(`${path}.backoffLimitPerIndex`, 'when maxFailedIndexes is specified'));
  }
  if (successPolicy && successPolicy.rules.length === 0) {
    faults.push(
      required(
        `${path}.successPolicy.rules`,
        'at least one rules must be specified when the successPolicy is specified',
      ),
    );
  }
  return faults;
}

function checkFailurePolicy(path: string, spec: JobSpec): Faults {
  const rules = spec.podFailurePolicy?.rules ?? [];
  const faults: Faults = [];
  if (rules.length > maxRules) {
    faults.push({
      field: `${path}.rules`,
      reason: 'FieldValueTooMany',
      message: `Too many: ${rules.length}: must have at most ${maxRules} items`,
    });
  }
  for (const [i, rule] of rules.entries()) faults.push(...checkRule(`${path}.rules[${i}]`, rule, spec));
  return faults;
}

function checkRule(path: string, rule: PodFailurePolicyRule, spec: JobSpec): Faults {
  const { action, onExitCodes, onPodConditions } = rule;
  const faults = oneOf(`${path}.action`, action, ['Count', 'FailIndex', 'FailJob', 'Ignore']);
  if (action === 'FailIndex' && spec.backoffLimitPerIndex === undefined) {
    faults.push(invalid(`${path}.action`, action, 'requires the backoffLimitPerIndex to be set'));
  }
  if (onExitCodes && onPodConditions) {
    faults.push(invalid(path, '', 'specifying both OnExitCodes and OnPodConditions is not supported'));
  }
  if (!onExitCodes && !onPodConditions?.length) {
    faults.push(invalid(path, '', 'specifying one of OnExitCodes and OnPodConditions is required'));
  }
  if (!onExitCodes) return faults;
  const at = `${path}.onExitCodes`;
  faults.push(...oneOf(`${at}.operator`, onExitCodes.operator, ['In', 'NotIn']));
  const { values, containerName } = onExitCodes;
  if (values.length === 0) faults.push(invalid(`${at}.values`, values, 'at least one value is required'));
  if (values.length > maxExitCodes)
    faults.push(invalid(`${at}.values`, values, `must have at most ${maxExitCodes} items`));
  if (onExitCodes.operator === 'In' && values.includes(0)) {
    faults.push(invalid(`${at}.values`, 0, 'must not be 0 for the In operator'));
  }
  const { containers = [], initContainers = [] } = spec.template.spec ?? {};
  if (containerName && ![...containers, ...initContainers].some(({ name }) => name === containerName)) {
    faults.push(
      invalid(
        `${at}.containerName`,
        containerName,
        'must be one of the container or initContainer names in the pod template',
      ),
    );
  }
  return faults;
}

/** Faults of the selector of a job of its own (not one in a cron job's template). */
export function checkOwnSelector({ metadata, spec }: Job): Faults {
  const faults = spec.selector ? checkLabelSelector('spec.selector', spec.selector) : [required('spec.selector')];
  faults.push(...checkTemplateLabels(spec.selector, spec.template));
  if (spec.manualSelector) return faults;
  const labels = spec.template.metadata?.labels ?? {};
  const wanted: [string, string][] = [
    ['batch.kubernetes.io/controller-uid', metadata.uid],
    ['batch.kubernetes.io/job-name', metadata.name],
  ];
  for (const [key, value] of wanted) {
    if (labels[key] !== value) {
      faults.push(invalid(`spec.template.metadata.labels[${key}]`, labels[key] ?? '', `must be '${value}'`));
    }
  }
  return faults;
}

/** Faults of a change: what a job is to do stays, how fast may change. */
export function checkJobChange(now: JobSpec, { spec: before, status }: Job): Faults {
  // A suspended job that has not started may still be told where its pods should run.
  const steerable = before.suspend === true && status?.startTime === undefined;
  return [
    ...completionsChange(now, before),
    ...unchanged('spec.selector', now.selector, before.selector),
    ...unchanged('spec.template', steerable ? resteered(now, before) : now.template, before.template),
    ...unchanged('spec.completionMode', now.completionMode, before.completionMode),
    ...unchanged('spec.podFailurePolicy', now.podFailurePolicy, before.podFailurePolicy),
    ...unchanged('spec.backoffLimitPerIndex', now.backoffLimitPerIndex, before.backoffLimitPerIndex),
    ...unchanged('spec.managedBy', now.managedBy, before.managedBy),
    ...unchanged('spec.successPolicy', now.successPolicy, before.successPolicy),
  ];
}

/** The new template with the old scheduling directives. */
function resteered(now: JobSpec, before: JobSpec): JobSpec['template'] {
  const template = copy(now.template);
  const old = before.template;
  template.metadata = { ...template.metadata, labels: old.metadata?.labels, annotations: old.metadata?.annotations };
  if (template.spec && old.spec) {
    const { nodeSelector, tolerations, schedulingGates, affinity } = old.spec;
    Object.assign(template.spec, { nodeSelector, tolerations, schedulingGates, affinity });
  }
  return equal(template, old) ? old : now.template;
}

/** Faults of the job template of a cron job, whose selector its jobs will get by themselves. */
export function checkJobTemplate(path: string, spec: JobSpec): Faults {
  const faults = checkJobSpec(path, spec);
  if (spec.manualSelector)
    faults.push(notSupported(`${path}.manualSelector`, String(spec.manualSelector), ['nil', 'false']));
  if (spec.selector) {
    faults.push(invalid(`${path}.selector`, spec.selector, '`selector` will be auto-generated'));
  }
  return faults;
}

/** An indexed job may grow and shrink, all of it at once. */
function completionsChange({ completionMode, completions, parallelism }: JobSpec, before: JobSpec): Faults {
  if (completionMode !== 'Indexed') return unchanged('spec.completions', completions, before.completions);
  if (completions === undefined || completions === before.completions || completions === parallelism) return [];
  return [invalid('spec.completions', completions, 'can only be modified in tandem with spec.parallelism')];
}
