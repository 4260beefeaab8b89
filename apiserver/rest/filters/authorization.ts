/** Lets through who may do what the request is about, as far as method and path tell. Throws Forbidden for others. */
import { demandAttempt } from '../../auth/authorize.ts';
import type { Authorizer } from '../../auth/authorize.ts';
import { attemptOf } from '../../auth/request-attempt.ts';
import type { Filter, RequestContext } from '../request-context.ts';

export function withAuthorization(authorize: Authorizer): Filter {
  return (next) => (context) => {
    demandAttempt(told(authorize, context), context.caller, attemptOf(context.info));
    return next(context);
  };
}

/** The decision is kept with the request, and goes into the audit log. */
function told(authorize: Authorizer, context: RequestContext): Authorizer {
  return (caller, attempt) => {
    const decision = authorize(caller, attempt);
    context.isAllowed = decision.allowed;
    context.audit?.annotate('authorization.k8s.io/decision', decision.allowed ? 'allow' : 'forbid');
    context.audit?.annotate('authorization.k8s.io/reason', decision.reason);
    return decision;
  };
}
