/** A short hand for the subjects of default bindings. */
import type { Subject } from '#lib/kinds/gen/rbac-v1.ts';

const apiGroup = 'rbac.authorization.k8s.io';

export const user = (name: string): Subject => ({ kind: 'User', apiGroup, name });
export const group = (name: string): Subject => ({ kind: 'Group', apiGroup, name });
/** A service account of the system's own namespace. */
export const account = (name: string): Subject => ({ kind: 'ServiceAccount', name, namespace: 'kube-system' });
