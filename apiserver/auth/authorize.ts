/** Who may do what. Every request of verbs passes here; rules of roles will be decided here too. */
import type { Kind } from '#lib/kinds/define-kind.ts';
import { ApiError, qualified } from '#lib/meta/errors.ts';
import type { Caller } from '../verbs/types.ts';

/** One thing that a caller wants to do. */
export interface Attempt {
  verb: string;
  group: string;
  plural: string;
  subresource: string;
  namespace: string;
  name: string;
}

/** Answers whether the caller may; the reason is for reviews. */
export type Authorizer = (caller: Caller, attempt: Attempt) => { allowed: boolean; reason: string };

export const authenticatedGroup = 'system:authenticated';
export const mastersGroup = 'system:masters';

/** Whoever has proved an identity may do everything. */
export const authorize: Authorizer = (caller) => {
  if (caller.groups.includes(mastersGroup)) return { allowed: true, reason: '' };
  return { allowed: caller.groups.includes(authenticatedGroup), reason: '' };
};

/** Throws Forbidden in upstream's words unless the caller may do this with objects of the kind. */
export function demand(
  decide: Authorizer,
  caller: Caller,
  verb: string,
  kind: Kind,
  where: { namespace?: string; name?: string; subresource?: string | undefined } = {},
): void {
  const { namespace = '', name = '', subresource = '' } = where;
  demandAttempt(decide, caller, { verb, group: kind.group, plural: kind.plural, subresource, namespace, name });
}

/** Throws Forbidden in upstream's words unless the caller may. */
export function demandAttempt(decide: Authorizer, caller: Caller, attempt: Attempt): void {
  if (decide(caller, attempt).allowed) return;
  const { verb, group, plural, subresource, namespace, name } = attempt;
  const resource = subresource ? `${plural}/${subresource}` : plural;
  const scope = namespace ? `in the namespace "${namespace}"` : 'at the cluster scope';
  throw new ApiError(
    'Forbidden',
    `${qualified({ group, plural })}${name ? ` "${name}"` : ''} is forbidden: User "${caller.name}" cannot ${verb} resource "${resource}" in API group "${group}" ${scope}`,
    { ...(name && { name }), ...(group && { group }), kind: plural },
  );
}
