/** Who has the default cluster roles: role -> subjects; the binding has the role's name. */
import type { Subject } from '#lib/kinds/gen/rbac-v1.ts';
import { controllerPrefix, controllerRoles, notOurs } from './controller-roles.ts';
import { account, group, user } from './subject.ts';

const controllerManager = user('system:kube-controller-manager');

/** All our controllers share the controller-manager's identity, so it has the roles of those that it carries out. */
const ofControllers = Object.keys(controllerRoles).map((name): [string, Subject[]] => [
  `${controllerPrefix}${name}`,
  [account(name), ...(notOurs.has(name) ? [] : [controllerManager])],
]);

export const clusterRoleBindings: Readonly<Record<string, readonly Subject[]>> = {
  'cluster-admin': [group('system:masters')],
  'system:monitoring': [group('system:monitoring')],
  'system:discovery': [group('system:authenticated')],
  'system:basic-user': [group('system:authenticated')],
  'system:public-info-viewer': [group('system:authenticated'), group('system:unauthenticated')],
  'system:node-proxier': [user('system:kube-proxy')],
  'system:kube-controller-manager': [controllerManager],
  'system:kube-dns': [account('kube-dns')],
  'system:kube-scheduler': [user('system:kube-scheduler')],
  'system:volume-scheduler': [user('system:kube-scheduler')],
  // The node authorizer stands in for this role; nobody is bound to it.
  'system:node': [],
  'system:service-account-issuer-discovery': [group('system:serviceaccounts')],
  'wherry:node-network': [group('system:nodes')],
  ...Object.fromEntries(ofControllers),
};
