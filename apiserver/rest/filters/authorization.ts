/** Lets through who may do what the request is about, as far as method and path tell. Throws Forbidden for others. */
import { demandAttempt } from '../../auth/authorize.ts';
import type { Authorizer } from '../../auth/authorize.ts';
import { attemptOf } from '../../auth/request-attempt.ts';
import type { Filter } from '../request-context.ts';

export function withAuthorization(authorize: Authorizer): Filter {
  return (next) => (context) => {
    demandAttempt(authorize, context.caller, attemptOf(context.info));
    return next(context);
  };
}
