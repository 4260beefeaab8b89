import { pathSegmentFaults } from '#lib/meta/names.ts';
import { bindingColumns, checkBinding, setBindingDefaults } from './checks/roles.ts';
import { defineKind } from './define-kind.ts';
import type { RoleBinding } from './gen/rbac-v1.ts';

export const roleBinding = defineKind<RoleBinding>({
  group: 'rbac.authorization.k8s.io',
  version: 'v1',
  kind: 'RoleBinding',
  description: 'Grants a Role or ClusterRole to subjects in one namespace.',
  plural: 'rolebindings',
  namespaced: true,
  createdByUpdate: true,
  schema: 'io.k8s.api.rbac.v1.RoleBinding',
  nameFaults: pathSegmentFaults,
  defaults: setBindingDefaults,
  check: (object, before) => checkBinding(object, before, ['Role', 'ClusterRole']),
  columns: bindingColumns(),
});
