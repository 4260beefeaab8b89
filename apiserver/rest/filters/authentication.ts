/** Finds out who asks. Throws Unauthorized for wrong credentials; who shows none is anonymous. */
import type { Authenticator } from '../../auth/authenticate.ts';
import type { Filter } from '../request-context.ts';

export function withAuthentication(authenticate: Authenticator): Filter {
  return (next) => async (context) => {
    context.user = context.caller = await authenticate(context.request);
    return next(context);
  };
}
