/** Secrets of type `kubernetes.io/service-account-token` hold a token of the account they name, and go with it: upstream's `pkg/controller/serviceaccount/tokens_controller.go`. */
import type { Action } from '#lib/control/types.ts';
import type { Secret, ServiceAccount } from '#lib/kinds/gen/core-v1.ts';
import { secret as kind } from '#lib/kinds/secret.ts';

const tokenType = 'kubernetes.io/service-account-token';
const nameKey = 'kubernetes.io/service-account.name';
const uidKey = 'kubernetes.io/service-account.uid';

export interface Seen {
  secret: Secret;
  /** The account that the Secret names, if there is one of the name. */
  account: ServiceAccount | undefined;
  /** A token to put in; undefined where it has one. */
  token: string | undefined;
  /** PEM. */
  ca: string;
}

export function decide({ secret, account, token, ca }: Seen): Action[] {
  const { namespace = '', name, uid, deletionTimestamp, annotations = {} } = secret.metadata;
  if (deletionTimestamp !== undefined) return [];
  if (!account || isOfAnother(secret, account)) return [{ do: 'delete', kind, target: { namespace, name }, uid }];
  const data = {
    ...secret.data,
    'ca.crt': btoa(ca),
    namespace: secret.data?.['namespace'] || btoa(namespace),
    ...(token !== undefined && { token: btoa(token) }),
  };
  const marks = { ...annotations, [nameKey]: account.metadata.name, [uidKey]: account.metadata.uid };
  const isSame =
    annotations[uidKey] === account.metadata.uid &&
    Object.entries(data).every(([key, value]) => secret.data?.[key] === value);
  if (isSame) return [];
  const object: Secret = { ...secret, metadata: { ...secret.metadata, annotations: marks }, data };
  return [{ do: 'update', kind, object }];
}

/** The name of the account that the Secret holds, or is to hold, a token of; undefined for Secrets of other types. */
export function accountNameOf({ type, metadata }: Secret): string | undefined {
  return type === tokenType ? metadata.annotations?.[nameKey] || undefined : undefined;
}

/** Whether the Secret is to get a token of the account. */
export function lacksToken(secret: Secret, account: ServiceAccount | undefined): account is ServiceAccount {
  return !secret.data?.['token'] && account !== undefined && !isOfAnother(secret, account);
}

/** Whether it was made for an account that had the name before. */
function isOfAnother({ metadata }: Secret, account: ServiceAccount): boolean {
  const uid = metadata.annotations?.[uidKey];
  return uid !== undefined && uid !== '' && uid !== account.metadata.uid;
}
