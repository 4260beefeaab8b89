/** What flow control holds, told to those who look for what keeps them waiting. */
import type { Env } from '#lib/env/env.ts';
import { sendBytes } from '../rest/answer.ts';
import type { Handler, RequestContext } from '../rest/request-context.ts';
import { dumpLevels, dumpQueues, dumpRequests } from './dumps.ts';
import type { FlowControl } from './flow-control.ts';

/** By path. */
export function dumpPaths(
  { levels }: Pick<FlowControl, 'levels'>,
  env: Pick<Env, 'now' | 'monotonic'>,
): Map<string, Handler> {
  const send =
    (text: (context: RequestContext) => string): Handler =>
    async (context) =>
      sendBytes(context.response!, 200, 'text/plain; charset=utf-8', Buffer.from(text(context)));
  const wallOf = (monotonicMs: number) => env.now() - env.monotonic() + monotonicMs;
  const folder = '/debug/api_priority_and_fairness';
  return new Map([
    [`${folder}/dump_priority_levels`, send(() => dumpLevels(levels()))],
    [`${folder}/dump_queues`, send(() => dumpQueues(levels()))],
    [
      `${folder}/dump_requests`,
      send(({ query }) => dumpRequests(levels(), Boolean(query.get('includeRequestDetails')), wallOf)),
    ],
  ]);
}
