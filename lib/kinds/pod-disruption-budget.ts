import { invalid, type FieldError } from '#lib/meta/errors.ts';
import { checkLabelSelector } from './checks/selectors.ts';
import { atMostWhole, intOrPercent, optionalOneOf } from './checks/values.ts';
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
  columns: [
    nameColumn,
    text('Min Available', ({ spec }) => String(spec.minAvailable ?? 'N/A')),
    text('Max Unavailable', ({ spec }) => String(spec.maxUnavailable ?? 'N/A')),
    integer('Allowed Disruptions', ({ status }) => status?.disruptionsAllowed ?? 0),
    ageColumn,
  ],
});

function checkSpec({
  minAvailable,
  maxUnavailable,
  selector,
  unhealthyPodEvictionPolicy,
}: PodDisruptionBudgetSpec): FieldError[] {
  const faults: FieldError[] = [];
  if (minAvailable !== undefined && maxUnavailable !== undefined) {
    faults.push(
      invalid('spec', { minAvailable, maxUnavailable }, 'minAvailable and maxUnavailable cannot be both set'),
    );
  }
  faults.push(...intOrPercent('spec.minAvailable', minAvailable), ...atMostWhole('spec.minAvailable', minAvailable));
  faults.push(
    ...intOrPercent('spec.maxUnavailable', maxUnavailable),
    ...atMostWhole('spec.maxUnavailable', maxUnavailable),
  );
  if (selector) faults.push(...checkLabelSelector('spec.selector', selector));
  const policies = ['IfHealthyBudget', 'AlwaysAllow'];
  faults.push(...optionalOneOf('spec.unhealthyPodEvictionPolicy', unhealthyPodEvictionPolicy, policies));
  return faults;
}
