/** Warnings of what makes pods by a template in its spec. */
import type { Resource } from '#lib/meta/object.ts';
import type { PodTemplateSpec } from '../gen/core-v1.ts';
import { templateWarnings } from '../pod-spec/warnings.ts';
import { makerNameWarnings } from './name-warnings.ts';

type Workload = Resource & { spec: { template?: PodTemplateSpec | undefined } };

/** Of a new name and of a template that is new, or may be. */
export function makerWarnings(now: Workload, before: Workload | undefined): string[] {
  return [...(before ? [] : makerNameWarnings(now.metadata.name)), ...changedTemplateWarnings(now, before)];
}

/** Of the template alone. */
export function changedTemplateWarnings(now: Workload, before: Workload | undefined): string[] {
  if (before && now.metadata.generation === before.metadata.generation) return [];
  return templateWarnings('spec.template', now.spec.template);
}
