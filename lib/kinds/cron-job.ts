import { defineKind } from './define-kind.ts';
import type { CronJob } from './gen/batch-v1.ts';

export const cronJob = defineKind<CronJob>({
  group: 'batch',
  version: 'v1',
  kind: 'CronJob',
  plural: 'cronjobs',
  short: ['cj'],
  categories: ['all'],
  namespaced: true,
  schema: 'io.k8s.api.batch.v1.CronJob',
  status: true,
  generation: true,
});
