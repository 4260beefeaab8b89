import { invalid, type FieldError } from '#lib/meta/errors.ts';
import { goStruct } from './checks/go-value.ts';
import { checkLabelSelector } from './checks/selectors.ts';
import { checkConditions } from './checks/conditions.ts';
import { atMostWhole, intOrPercent, nonNegative, optionalOneOf } from './checks/values.ts';
import { ageColumn, integer, nameColumn, text } from './columns.ts';
import { defineKind } from './define-kind.ts';
import type { PodDisruptionBudget, PodDisruptionBudgetSpec } from './gen/policy-v1.ts';

export const podDisruptionBudget = defineKind<PodDisruptionBudget>({
  group: 'policy',
  version: 'v1',
  kind: 'PodDisruptionBudget',
  description: 'How many of some pods may be disturbed on purpose at a time.',
  plural: 'poddisruptionbudgets',
  short: ['pdb'],
  namespaced: true,
  namesVersion: true,
  schema: 'io.k8s.api.policy.v1.PodDisruptionBudget',
  status: true,
  generation: true,
  check: ({ spec }) => checkSpec(spec),
  checkStatus,
  columns: [
    nameColumn,
    text('Min Available', ({ spec }) => String(spec.minAvailable ?? 'N/A')),
    text('Max Unavailable', ({ spec }) => String(spec.maxUnavailable ?? 'N/A')),
    integer('Allowed Disruptions', ({ status }) => status?.disruptionsAllowed ?? 0),
    ageColumn,
  ],
});

function checkSpec(spec: PodDisruptionBudgetSpec): FieldError[] {
  const { minAvailable, maxUnavailable, selector, unhealthyPodEvictionPolicy } = spec;
  const shown = goStruct('io.k8s.api.policy.v1.PodDisruptionBudgetSpec', spec);
  const both = minAvailable !== undefined && maxUnavailable !== undefined;
  const policies = ['IfHealthyBudget', 'AlwaysAllow'];
  return [
    ...(both ? [invalid('spec', shown, 'minAvailable and maxUnavailable cannot be both set')] : []),
    ...intOrPercent('spec.minAvailable', minAvailable),
    ...atMostWhole('spec.minAvailable', minAvailable),
    ...intOrPercent('spec.maxUnavailable', maxUnavailable),
    ...atMostWhole('spec.maxUnavailable', maxUnavailable),
    ...(selector ? checkLabelSelector('spec.selector', selector) : []),
    ...optionalOneOf('spec.unhealthyPodEvictionPolicy', unhealthyPodEvictionPolicy, policies),
  ];
}

function checkStatus({ status }: PodDisruptionBudget): FieldError[] {
  return [
    ...checkConditions('status.conditions', status?.conditions),
    ...(['disruptionsAllowed', 'currentHealthy', 'desiredHealthy', 'expectedPods'] as const).flatMap((name) =>
      nonNegative(`status.${name}`, status?.[name]),
    ),
  ];
}
