/** Faults that kinds with a pod template share. */
import { type FieldError } from '#lib/meta/errors.ts';
import type { LabelSelector } from '#lib/meta/selectors.ts';
import type { PodTemplateSpec } from '../gen/core-v1.ts';
import { checkAlwaysTemplate } from '../pod-spec/check.ts';
import { unchanged } from './metadata.ts';
import { checkWorkloadSelector } from './selectors.ts';
import { nonNegative } from './values.ts';

interface WorkloadSpec {
  selector?: LabelSelector | undefined;
  template?: PodTemplateSpec | undefined;
  replicas?: number | undefined;
  minReadySeconds?: number | undefined;
  revisionHistoryLimit?: number | undefined;
}

/** Faults of selector, template and counts; the selector is for good. `owner` is the kind in lower case, `title` in its own. */
export function checkWorkload(
  owner: string,
  title: string,
  spec: WorkloadSpec,
  before: WorkloadSpec | undefined,
): FieldError[] {
  return [
    ...nonNegative('spec.replicas', spec.replicas),
    ...nonNegative('spec.minReadySeconds', spec.minReadySeconds),
    ...checkWorkloadSelector(owner, spec.selector, spec.template),
    ...checkAlwaysTemplate('spec.template', spec.template ?? {}, title),
    ...nonNegative('spec.revisionHistoryLimit', spec.revisionHistoryLimit),
    ...(before ? unchanged('spec.selector', spec.selector, before.selector) : []),
  ];
}

/** Whether an int-or-percentage is nothing at all. */
export function isZero(value: number | string | undefined): boolean {
  return value === 0 || value === '0%' || value === '0';
}
