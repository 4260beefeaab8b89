/** A service account as a caller. */
import type { Caller } from '../verbs/types.ts';

const prefix = 'system:serviceaccount:';

export function accountCaller(namespace: string, { name, uid }: { name: string; uid: string }): Caller {
  const caller = `${prefix}${namespace}:${name}`;
  return { name: caller, uid, groups: accountGroups(caller) };
}

/** The groups that a service account always has, by its name as a caller; none for anybody else. */
export function accountGroups(caller: string): string[] {
  const account = accountNamed(caller);
  return account ? ['system:serviceaccounts', `system:serviceaccounts:${account.namespace}`] : [];
}

/** The account that a caller's name is that of; undefined for anybody else. */
export function accountNamed(caller: string): { namespace: string; name: string } | undefined {
  const parts = caller.startsWith(prefix) ? caller.slice(prefix.length).split(':') : [];
  const [namespace, name] = parts;
  return namespace && name && parts.length === 2 ? { namespace, name } : undefined;
}
