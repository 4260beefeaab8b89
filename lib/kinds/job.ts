import { defineKind } from './define-kind.ts';
import type { Job } from './gen/batch-v1.ts';

export const job = defineKind<Job>({
  group: 'batch',
  version: 'v1',
  kind: 'Job',
  plural: 'jobs',
  categories: ['all'],
  namespaced: true,
  schema: 'io.k8s.api.batch.v1.Job',
  status: true,
  generation: true,
});
