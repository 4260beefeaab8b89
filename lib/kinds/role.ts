import { pathSegmentFaults } from '#lib/meta/names.ts';
import { checkRules } from './checks/roles.ts';
import { defineKind } from './define-kind.ts';
import type { Role } from './gen/rbac-v1.ts';

export const role = defineKind<Role>({
  group: 'rbac.authorization.k8s.io',
  version: 'v1',
  kind: 'Role',
  description: 'Permissions in one namespace.',
  plural: 'roles',
  namespaced: true,
  createdByUpdate: true,
  schema: 'io.k8s.api.rbac.v1.Role',
  nameFaults: pathSegmentFaults,
  check: ({ rules }) => checkRules(rules, true),
});
