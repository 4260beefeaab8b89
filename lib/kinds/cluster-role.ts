import { invalid, required, type FieldError } from '#lib/meta/errors.ts';
import { pathSegmentFaults } from '#lib/meta/names.ts';
import { checkRules } from './checks/roles.ts';
import { checkLabelSelector, goSelector, isReadable } from './checks/selectors.ts';
import { defineKind } from './define-kind.ts';
import type { AggregationRule, ClusterRole } from './gen/rbac-v1.ts';

export const clusterRole = defineKind<ClusterRole>({
  group: 'rbac.authorization.k8s.io',
  version: 'v1',
  kind: 'ClusterRole',
  description: 'Permissions in the whole cluster, or to be granted in a namespace by a RoleBinding.',
  plural: 'clusterroles',
  namespaced: false,
  createdByUpdate: true,
  schema: 'io.k8s.api.rbac.v1.ClusterRole',
  nameFaults: pathSegmentFaults,
  check: ({ rules, aggregationRule }) => [...checkRules(rules, false), ...checkAggregation(aggregationRule)],
});

function checkAggregation(rule: AggregationRule | undefined): FieldError[] {
  if (!rule) return [];
  const path = 'aggregationRule.clusterRoleSelectors';
  const selectors = rule.clusterRoleSelectors ?? [];
  if (selectors.length === 0)
    return [required(path, 'at least one clusterRoleSelector required if aggregationRule is non-nil')];
  return selectors.flatMap((selector, i) => [
    ...checkLabelSelector(`${path}[${i}]`, selector),
    ...(isReadable(selector) ? [] : [invalid(`${path}[${i}]`, goSelector(selector), 'invalid label selector.')]),
  ]);
}
