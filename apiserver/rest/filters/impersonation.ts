/** Takes the request for that of whom its headers name. Throws Forbidden for who may not act as them. */
import type { Authorizer } from '../../auth/authorize.ts';
import { impersonated } from '../../auth/impersonate.ts';
import type { Filter } from '../request-context.ts';

export function withImpersonation(authorize: Authorizer): Filter {
  return (next) => (context) => {
    context.caller = impersonated(context.caller, context.request.rawHeaders, authorize);
    return next(context);
  };
}
