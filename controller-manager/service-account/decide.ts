/** Every namespace has a ServiceAccount `default`, which pods that name none run as. */
import type { Action } from '#lib/control/types.ts';
import type { Namespace, ServiceAccount } from '#lib/kinds/gen/core-v1.ts';
import { serviceAccount } from '#lib/kinds/service-account.ts';
import { isGoing } from '../namespace/going.ts';

export const defaultName = 'default';

export interface Seen {
  namespace: Namespace;
  account: ServiceAccount | undefined;
}

export function decide({ namespace, account }: Seen): Action[] {
  if (account || isGoing(namespace)) return [];
  const metadata = { name: defaultName, namespace: namespace.metadata.name };
  return [{ do: 'create', kind: serviceAccount, object: { metadata } }];
}
