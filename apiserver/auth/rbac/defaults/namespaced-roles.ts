/** The roles and bindings that every cluster has within its own namespaces: the facts of upstream v1.32's bootstrap policy. */
import type { PolicyRule, Subject } from '#lib/kinds/gen/rbac-v1.ts';
import { allow, read, recordEvents } from './rule.ts';
import { account, user } from './subject.ts';

export interface DefaultRole {
  namespace: string;
  name: string;
  rules: readonly PolicyRule[];
  /** The binding's name, when it is not the role's. */
  binding?: string;
  subjects: readonly Subject[];
}

export const namespacedRoles: readonly DefaultRole[] = [
  {
    namespace: 'kube-system',
    name: 'extension-apiserver-authentication-reader',
    rules: [allow(read, 'core', 'configmaps', 'extension-apiserver-authentication')],
    binding: 'system::extension-apiserver-authentication-reader',
    subjects: [user('system:kube-controller-manager'), user('system:kube-scheduler')],
  },
  {
    namespace: 'kube-system',
    name: 'system:controller:bootstrap-signer',
    rules: [allow(read, 'core', 'secrets')],
    subjects: [account('bootstrap-signer')],
  },
  {
    namespace: 'kube-system',
    name: 'system:controller:cloud-provider',
    rules: [allow(`create ${read}`, 'core', 'configmaps')],
    subjects: [account('cloud-provider')],
  },
  {
    namespace: 'kube-system',
    name: 'system:controller:token-cleaner',
    rules: [allow(`delete ${read}`, 'core', 'secrets'), recordEvents],
    subjects: [account('token-cleaner')],
  },
  ...['kube-controller-manager', 'kube-scheduler'].map((name) => ({
    namespace: 'kube-system',
    name: `system::leader-locking-${name}`,
    rules: [allow('watch', 'core', 'configmaps'), allow('get update', 'core', 'configmaps', name)],
    subjects: [user(`system:${name}`), account(name)],
  })),
  {
    namespace: 'kube-public',
    name: 'system:controller:bootstrap-signer',
    rules: [allow(read, 'core', 'configmaps'), allow('update', 'core', 'configmaps', 'cluster-info'), recordEvents],
    subjects: [account('bootstrap-signer')],
  },
];
