/** Warnings of jobs, and of the jobs that cron jobs make. */
import type { JobSpec } from './gen/batch-v1.ts';
import { templateWarnings } from './pod-spec/warnings.ts';

const manyCompletions = 100_000;
const manyAtOnce = 10_000;

export function jobWarnings(path: string, spec: JobSpec): string[] {
  const { completionMode, completions = 0, parallelism = 0, template } = spec;
  const isHuge = completionMode === 'Indexed' && completions > manyCompletions && parallelism > manyAtOnce;
  const much = 'In Indexed Jobs with a number of completions higher than 10^5 and a parallelism higher than 10^4';
  const lost = 'Kubernetes might not be able to track completedIndexes when a big number of indexes fail';
  return [...(isHuge ? [`${path}: ${much}, ${lost}`] : []), ...templateWarnings(`${path}.template`, template)];
}
