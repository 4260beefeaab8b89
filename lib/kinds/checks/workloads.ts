/** Faults that kinds with a pod template share. */
import { invalid, type FieldError } from '#lib/meta/errors.ts';
import { selects, type LabelSelector } from '#lib/meta/selectors.ts';
import { goLabels } from '#lib/meta/go-text.ts';
import type { ReplicaSetStatus } from '../gen/apps-v1.ts';
import type { PodTemplateSpec, ReplicationControllerStatus } from '../gen/core-v1.ts';
import { checkAlwaysTemplate } from '../pod-spec/check.ts';
import { checkWorkloadSelector, goSelector, isReadable } from './selectors.ts';
import { nonNegative } from './values.ts';

interface WorkloadSpec {
  selector?: LabelSelector | undefined;
  template?: PodTemplateSpec | undefined;
}

/**
 * Faults of selector and template as Deployments and ReplicaSets have them: both kinds call themselves by the name of the
 * other, the one in its selector, the other in its template.
 */
export function checkSelectedTemplate({ selector, template = {} }: WorkloadSpec): FieldError[] {
  return [
    ...checkWorkloadSelector('deployment', selector),
    ...(isReadable(selector)
      ? [...checkTemplateLabels(selector, template), ...checkAlwaysTemplate('spec.template', template, 'ReplicaSet')]
      : [invalid('spec.selector', goSelector(selector), 'invalid label selector')]),
  ];
}

/** A template must have labels that its selector finds; an absent selector finds nothing, and an unreadable one is not asked. */
export function checkTemplateLabels(
  selector: LabelSelector | undefined,
  template: PodTemplateSpec | undefined,
): FieldError[] {
  const labels = template?.metadata?.labels;
  if (!isReadable(selector) || selects(selector, labels)) return [];
  const at = 'spec.template.metadata.labels';
  return [invalid(at, goLabels(labels), '`selector` does not match template `labels`')];
}

/** Faults of the status of what counts replicas only. */
export function checkReplicaStatus(status: ReplicaSetStatus | ReplicationControllerStatus | undefined): FieldError[] {
  return checkCounts<ReplicaSetStatus & Counts>(status, undefined, {
    counts: ['replicas', 'fullyLabeledReplicas', 'readyReplicas', 'availableReplicas', 'observedGeneration'],
    parts: ['fullyLabeledReplicas', 'readyReplicas', 'availableReplicas'],
    shownAs: 'readyReplicas',
  });
}

/** A status as far as its counts go. */
interface Counts {
  collisionCount?: number | undefined;
}

/**
 * Faults of the counts in a status: none negative, `parts` none greater than all the replicas, and no more pods available than
 * ready. `shownAs` is how that last sentence calls the ready ones.
 */
export function checkCounts<T extends Counts>(
  status: T | undefined,
  before: T | undefined,
  {
    counts,
    parts = [],
    shownAs,
  }: { counts: readonly (keyof T & string)[]; parts?: readonly (keyof T & string)[]; shownAs?: string },
): FieldError[] {
  const count = (name: string) => ((status as Record<string, unknown> | undefined)?.[name] as number | undefined) ?? 0;
  const faults = [...counts, 'collisionCount'].flatMap((name) => nonNegative(`status.${name}`, count(name)));
  for (const name of parts) {
    if (count(name) <= count('replicas')) continue;
    faults.push(invalid(`status.${name}`, count(name), 'cannot be greater than status.replicas'));
  }
  if (shownAs && count('availableReplicas') > count('readyReplicas')) {
    faults.push(invalid('status.availableReplicas', count('availableReplicas'), `cannot be greater than ${shownAs}`));
  }
  if ((before?.collisionCount ?? 0) > count('collisionCount')) {
    faults.push(invalid('status.collisionCount', count('collisionCount'), 'cannot be decremented'));
  }
  return faults;
}
