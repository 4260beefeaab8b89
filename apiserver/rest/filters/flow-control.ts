/**
 * Lets requests through as flow control has seats for them, as upstream's `server/filters/priority-and-fairness.go`. A request takes its seat once its body
 * has arrived, so that who sends slowly keeps nobody waiting, and holds it until its answer has left, since what it has computed lies in our memory until
 * then. A watch holds one until it has begun.
 */
import type { Env } from '#lib/env/env.ts';
import type { FlowControl, Turn } from '../../flow/flow-control.ts';
import type { Response } from '../answer.ts';
import { sendText } from '../answered-paths.ts';
import type { Filter } from '../request-context.ts';
import { bodyArrival } from './body-arrival.ts';

/** A client that is slow to read its answer does not keep others from a seat for longer than this. */
const drainLimitMs = 1000;

export function withFlowControl(flows: FlowControl, { after }: Pick<Env, 'after'>): Filter {
  return (next) => async (context) => {
    const { request, response, info } = context;
    const isWatch = info.verb === 'watch';
    if (!response || (context.isLongRunning && !isWatch)) return next(context);
    const arrival = bodyArrival(request);
    if (arrival) await arrival;
    if (response.headersSent || response.destroyed) return;
    const turn = flows.arrive(context.caller, info, context.query);
    response.setHeader('x-kubernetes-pf-prioritylevel-uid', turn.level.uid);
    response.setHeader('x-kubernetes-pf-flowschema-uid', turn.schema.metadata.uid);
    if (turn.granted !== true && !(await mayGoOn(turn, response))) return refuse(response, turn);
    try {
      await next(context);
    } finally {
      if (isWatch || response.destroyed) turn.leave();
      else leaveWhenSent(turn, response, after);
    }
  };
}

/** Waits for the turn to be granted, as long as the client does. */
async function mayGoOn(turn: Turn, response: Response): Promise<boolean> {
  const leave = () => turn.leave();
  response.once('close', leave);
  const isGranted = await turn.granted;
  response.off('close', leave);
  return isGranted;
}

function refuse(response: Response, { level }: Turn): void {
  // Who has given up, or has been told that the time is up, gets no second answer.
  if (response.headersSent || response.destroyed) return;
  response.setHeader('retry-after', level.advice.seconds);
  sendText(response, 429, 'Too many requests, please try again later.\n');
}

function leaveWhenSent(turn: Turn, response: Response, after: Env['after']): void {
  const cancel = after(drainLimitMs, () => turn.leave());
  const leave = () => {
    cancel();
    turn.leave();
  };
  response.once('finish', leave);
  response.once('close', leave);
}
