/**
 * Lets requests through as flow control has seats for them, as upstream's `server/filters/priority-and-fairness.go`. A request takes its seats once its body
 * has arrived, so that who sends slowly keeps nobody waiting, and holds one until its answer has left, since what it has computed lies in our memory until
 * then. A watch holds its seats until it has begun.
 */
import type { Duplex } from 'node:stream';
import type { Env } from '#lib/env/env.ts';
import { ApiError } from '#lib/meta/errors.ts';
import type { FlowControl, Turn } from '../../flow/flow-control.ts';
import type { Response } from '../answer.ts';
import { sendText } from '../answered-paths.ts';
import type { Filter, Handler, RequestContext, RequestObserver } from '../request-context.ts';
import { bodyArrival } from './body-arrival.ts';

/** A client that is slow to read its answer does not keep others from a seat for longer than this. */
const drainLimitMs = 1000;

/** What a request holds that is answered once. It leaves when both are over, the work and the answer. */
export interface Seat {
  readonly turn: Turn;
  isServed: boolean;
  isSent: boolean;
  answeredAtMs: number;
}

/** The filter; and what must hear how answers go. */
export function makeFlowFilter(
  flows: FlowControl,
  { after, monotonic }: Pick<Env, 'after' | 'monotonic'>,
): { filter: Filter; observer: RequestObserver } {
  /** Those whose answers have begun, in that order. One timer is for all of them. */
  const draining = new Set<Seat>();
  let isSweeping = false;

  const sweep = () => {
    isSweeping = false;
    const nowMs = monotonic();
    for (const seat of draining) {
      const leftMs = seat.answeredAtMs + drainLimitMs - nowMs;
      if (leftMs > 0) return sweepAfter(leftMs);
      draining.delete(seat);
      flows.leave(seat.turn);
    }
  };
  const sweepAfter = (delayMs: number) => {
    isSweeping = true;
    after(delayMs, sweep);
  };
  const leaveWhenOver = (seat: Seat) => {
    if (!seat.isServed || !seat.isSent) return;
    draining.delete(seat);
    flows.leave(seat.turn);
  };
  const serveSeated = async (turn: Turn, context: RequestContext, next: Handler) => {
    const seat: Seat = { turn, isServed: false, isSent: false, answeredAtMs: 0 };
    context.seat = seat;
    try {
      await next(context);
    } finally {
      seat.isServed = true;
      leaveWhenOver(seat);
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
      const { request, response, upgrade, info } = context;
      const isWatch = info.verb === 'watch';
      // A watch may be by WebSocket. What else takes a connection over is long-running.
      const connection = response ?? upgrade!.socket;
      if (!isWatch && (!response || context.isLongRunning)) return next(context);
      const arrival = bodyArrival(request);
      if (arrival) await arrival;
      if (context.isOver || context.isLate) return;
      const bodyBytes = Number(request.headers['content-length'] ?? 0);
      const turn = flows.arrive(context.caller, info, context.query, bodyBytes);
      response?.setHeader('x-kubernetes-pf-prioritylevel-uid', turn.level.uid);
      response?.setHeader('x-kubernetes-pf-flowschema-uid', turn.schema.metadata.uid);
      if (turn.granted !== true) {
        const sinceMs = monotonic();
        const isGranted = await mayGoOn(flows, turn, connection);
        context.queuedMs = monotonic() - sinceMs;
        if (!isGranted) return refuse(context, turn);
        if (context.isOver) return flows.leave(turn);
      }
      return isWatch ? serveWatch(turn, context, next) : serveSeated(turn, context, next);
    },
    observer: {
      onAnswer({ seat, isLate }) {
        // An answer in place of one that took too long does not end the work on that.
        if (!seat || isLate) return;
        flows.answer(seat.turn);
        seat.answeredAtMs = monotonic();
        draining.add(seat);
        if (!isSweeping) sweepAfter(drainLimitMs);
      },
      onEnd({ seat }) {
        if (!seat) return;
        seat.isSent = true;
        leaveWhenOver(seat);
      },
    },
  };
}

const tooMany = 'Too many requests, please try again later.';

/** Waits for the turn to be granted, as long as the client does. */
async function mayGoOn(flows: FlowControl, turn: Turn, connection: Response | Duplex): Promise<boolean> {
  const leave = () => flows.leave(turn);
  connection.once('close', leave);
  const isGranted = await turn.granted;
  connection.off('close', leave);
  return isGranted;
}

function refuse({ isOver, isLate, response }: RequestContext, { level }: Turn): void {
  // Who has given up, or has been told that the time is up, gets no second answer.
  if (isOver || isLate) return;
  const retryAfterSeconds = level.advice.seconds;
  if (!response) throw new ApiError('TooManyRequests', tooMany, { retryAfterSeconds });
  response.setHeader('retry-after', retryAfterSeconds);
  sendText(response, 429, `${tooMany}\n`);
}
