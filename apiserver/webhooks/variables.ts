/** What expressions of webhooks and policies may speak of. */
import { Authority } from '#lib/cel/authority.ts';
import type { AdmissionRequest } from '../admission/types.ts';
import type { Authorizer } from '../auth/authorize.ts';
import type { Caller } from '../verbs/types.ts';

/** The variables of every expression; `review` is what a webhook would be asked. */
export function variablesOf(request: AdmissionRequest, authorize: Authorizer, review: () => object) {
  const { operation, object, before, caller } = request;
  return {
    object: asCel(operation === 'DELETE' ? null : object),
    oldObject: asCel(operation === 'CREATE' ? null : (before ?? null)),
    request: asCel((review() as { request: object }).request),
    authorizer: authorityOf(caller, authorize),
  };
}

function authorityOf(caller: Caller, authorize: Authorizer): Authority {
  return new Authority(({ account, path, verb, resource: plural, ...where }) => {
    const asked = account ? accountCaller(...account) : caller;
    return authorize(asked, path === undefined ? { verb, plural, ...where } : { verb, path });
  });
}

function accountCaller(namespace: string, name: string): Caller {
  return {
    name: `system:serviceaccount:${namespace}:${name}`,
    groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'],
  };
}

/** JSON as CEL knows it: what is whole is an integer. */
export function asCel(value: unknown): unknown {
  if (typeof value === 'number') return Number.isInteger(value) ? BigInt(value) : value;
  if (Array.isArray(value)) return value.map(asCel);
  if (typeof value !== 'object' || value === null) return value;
  const result = Object.create(null) as Record<string, unknown>;
  for (const [key, item] of Object.entries(value)) if (item !== undefined) result[key] = asCel(item);
  return result;
}
