/** Lets through who may do what the request is about, as far as method and path tell. Throws Forbidden for others. */
import type { AuditTrail } from '../../audit/trail.ts';
import { demandAttempt } from '../../auth/authorize.ts';
import type { Authorizer } from '../../auth/authorize.ts';
import { attemptOf } from '../../auth/request-attempt.ts';
import type { Filter } from '../request-context.ts';

export function withAuthorization(authorize: Authorizer): Filter {
  return (next) => (context) => {
    demandAttempt(told(authorize, context.audit), context.caller, attemptOf(context.info));
    return next(context);
  };
}

/** The decision goes into the audit log. */
function told(authorize: Authorizer, audit: AuditTrail | undefined): Authorizer {
  if (!audit) return authorize;
  return (caller, attempt) => {
    const decision = authorize(caller, attempt);
    audit.annotate('authorization.k8s.io/decision', decision.allowed ? 'allow' : 'forbid');
    audit.annotate('authorization.k8s.io/reason', decision.reason);
    return decision;
  };
}
