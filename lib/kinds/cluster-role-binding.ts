import { pathSegmentFaults } from '#lib/meta/names.ts';
import { bindingColumns, checkBinding, setBindingDefaults } from './checks/roles.ts';
import { defineKind } from './define-kind.ts';
import type { ClusterRoleBinding } from './gen/rbac-v1.ts';

export const clusterRoleBinding = defineKind<ClusterRoleBinding>({
  group: 'rbac.authorization.k8s.io',
  version: 'v1',
  kind: 'ClusterRoleBinding',
  description: 'Grants a ClusterRole to subjects in the whole cluster.',
  plural: 'clusterrolebindings',
  namespaced: false,
  createdByUpdate: true,
  schema: 'io.k8s.api.rbac.v1.ClusterRoleBinding',
  nameFaults: pathSegmentFaults,
  defaults: setBindingDefaults,
  check: (object, before) => checkBinding(object, before, ['ClusterRole']),
  columns: bindingColumns(),
});
