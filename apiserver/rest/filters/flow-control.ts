/**
 * Lets requests through as flow control has seats for them, as upstream's `server/filters/priority-and-fairness.go`. A request takes its seat once its body
 * has arrived, so that who sends slowly keeps nobody waiting, and holds it until its answer has left, since what it has computed lies in our memory until
 * then. A watch holds one until it has begun.
 */
import type { Env } from '#lib/env/env.ts';
import type { FlowControl, Turn } from '../../flow/flow-control.ts';
import type { Response } from '../answer.ts';
import { sendText } from '../answered-paths.ts';
import type { Filter, Handler, RequestContext, RequestObserver } from '../request-context.ts';
import { bodyArrival } from './body-arrival.ts';

/** A client that is slow to read its answer does not keep others from a seat for longer than this. */
const drainLimitMs = 1000;

/** The filter; and what must hear when answers begin. */
export function makeFlowFilter(
  flows: FlowControl,
  { after, monotonic }: Pick<Env, 'after' | 'monotonic'>,
): { filter: Filter; observer: RequestObserver } {
  /** Serves a request whose answer is sent once: it leaves when both are over, the work and the answer. */
  const serveSeated = async (turn: Turn, context: RequestContext, response: Response, next: Handler) => {
    let [isServed, isSent] = [false, false];
    let cancel = () => {};
    const leave = () => {
      if (!isServed || !isSent) return;
      cancel();
      flows.leave(turn);
    };
    const sent = () => {
      isSent = true;
      leave();
    };
    response.once('finish', sent);
    response.once('close', sent);
    context.whenAnswered = () => {
      // An answer in place of one that took too long does not end the work on that.
      if (context.isLate) return;
      flows.answer(turn);
      cancel = after(drainLimitMs, () => flows.leave(turn));
    };
    try {
      await next(context);
    } finally {
      isServed = true;
      leave();
    }
  };
  /** Serves a watch, which has begun when its handler is done. */
  const serveWatch = async (turn: Turn, context: RequestContext, next: Handler) => {
    try {
      await next(context);
    } finally {
      flows.leave(turn);
    }
  };
  return {
    filter: (next) => async (context) => {
      const { request, response, info } = context;
      const isWatch = info.verb === 'watch';
      if (!response || (context.isLongRunning && !isWatch)) return next(context);
      const arrival = bodyArrival(request);
      if (arrival) await arrival;
      if (response.headersSent || response.destroyed) return;
      const bodyBytes = Number(request.headers['content-length'] ?? 0);
      const turn = flows.arrive(context.caller, info, context.query, bodyBytes);
      response.setHeader('x-kubernetes-pf-prioritylevel-uid', turn.level.uid);
      response.setHeader('x-kubernetes-pf-flowschema-uid', turn.schema.metadata.uid);
      if (turn.granted !== true) {
        const sinceMs = monotonic();
        const isGranted = await mayGoOn(flows, turn, response);
        context.queuedMs = monotonic() - sinceMs;
        if (!isGranted) return refuse(response, turn);
      }
      return isWatch ? serveWatch(turn, context, next) : serveSeated(turn, context, response, next);
    },
    observer: { onAnswer: (context) => context.whenAnswered?.() },
  };
}

/** Waits for the turn to be granted, as long as the client does. */
async function mayGoOn(flows: FlowControl, turn: Turn, response: Response): Promise<boolean> {
  const leave = () => flows.leave(turn);
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
