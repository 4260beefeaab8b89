/** Ends requests that take too long, as upstream's `server/filters/timeout.go` and `endpoints/filters/request_deadline.go`. */
import type { Env } from '#lib/env/env.ts';
import { ApiError, badRequest } from '#lib/meta/errors.ts';
import { parseGoDuration } from '#lib/meta/go-duration.ts';
import type { Filter } from '../request-context.ts';

/** What a request may take at most; clients may ask for less by `timeout` in the query. */
const longestMs = 60_000;

/** Answers Timeout in place of a handler that has not answered in time. Watches and other long streams are not its concern. */
export function withDeadline({ after, log }: Pick<Env, 'after' | 'log'>): Filter {
  return (next) => (context) => {
    if (context.isLongRunning) return next(context);
    const limitMs = limitOf(context.query);
    return new Promise((resolve, reject) => {
      const cancel = after(limitMs, () => {
        context.isLate = true;
        reject(tooSlow());
      });
      next(context).then(
        () => {
          cancel();
          resolve();
        },
        (error: unknown) => {
          cancel();
          // After its time a handler finds the answer given, and nobody waits for what it says.
          if (context.isLate) log.debug('A request failed after its time', { path: context.info.path, error });
          else reject(error);
        },
      );
    });
  };
}

const tooSlow = () => new ApiError('Timeout', 'Timeout: request did not complete within the allotted timeout', {});

/** Throws BadRequest for what is no duration. */
function limitOf(query: URLSearchParams): number {
  const text = query.get('timeout');
  if (!text) return longestMs;
  const asked = parseGoDuration(text);
  if ('fault' in asked) throw badRequest(`invalid timeout specified in the request URL - ${asked.fault}`);
  return asked.ms > 0 && asked.ms < longestMs ? asked.ms : longestMs;
}
