import { defineKind } from './define-kind.ts';
import type { PodDisruptionBudget } from './gen/policy-v1.ts';

export const podDisruptionBudget = defineKind<PodDisruptionBudget>({
  group: 'policy',
  version: 'v1',
  kind: 'PodDisruptionBudget',
  plural: 'poddisruptionbudgets',
  short: ['pdb'],
  namespaced: true,
  schema: 'io.k8s.api.policy.v1.PodDisruptionBudget',
  status: true,
  generation: true,
});
