/**
 * API priority and fairness: every request belongs to a flow schema, which sends it to a priority level, where it finds a seat, waits for one in
 * a queue, or is refused.
 */
import type { Env } from '#lib/env/env.ts';
import type { FlowSchema } from '#lib/kinds/gen/flowcontrol-v1.ts';
import type { RequestInfo } from '../rest/request-info.ts';
import type { Caller } from '../verbs/types.ts';
import { distinguisherOf, makeClassifier } from './classify.ts';
import type { Ticket } from './fair-queue-types.ts';
import { makeLevels } from './levels.ts';
import type { Level } from './levels.ts';
import type { FlowMeter, FlowSeries, Refusal } from './meter.ts';
import type { Plan } from './plan.ts';

export interface FlowControlOptions {
  /** Seats of the whole server. */
  seats: number;
  /** How long a request may wait for a seat. */
  waitMs: number;
  meter: FlowMeter;
  /** How wide a request is, where its level lets `widest` seats through. */
  seatsOf(info: RequestInfo, query: URLSearchParams, bodyBytes: number, widest: number): number;
}

/** A request on its way through flow control. */
export interface Turn {
  readonly schema: FlowSchema;
  readonly level: Level;
  readonly caller: Caller;
  readonly info: RequestInfo;
  readonly distinguisher: string;
  readonly seats: number;
  /** Whether it may be served: at once, or later for one that waits. */
  readonly granted: boolean | Promise<boolean>;
}

export interface FlowControl {
  /** `bodyBytes` is 0 without a body, and where its length is not known. */
  arrive(caller: Caller, info: RequestInfo, query: URLSearchParams, bodyBytes: number): Turn;
  /** The work is done, and the answer begins: that needs one seat, however many the work has taken. */
  answer(turn: Turn): void;
  /** Gives the seat back, or gives up waiting for one. A second call does nothing. */
  leave(turn: Turn): void;
  /** Goes on by another plan. Requests that are here keep their level, even if it is in the plan no more. */
  follow(plan: Plan): void;
  levels(): Iterable<Level>;
  stop(): void;
}

/** What a level holds of a request. */
export interface HeldTurn extends Turn {
  seats: number;
  granted: boolean | Promise<boolean>;
  readonly series: FlowSeries;
  /** Undefined once it is over. */
  ticket: Ticket<HeldTurn> | undefined;
  /** Of one that waits, or has waited. */
  wait: { settle(granted: boolean): void; cancel(): void } | undefined;
}

export function makeFlowControl(plan: Plan, options: FlowControlOptions, env: Env): FlowControl {
  const { meter, waitMs } = options;
  let [classifier, catchAll] = [makeClassifier(plan.schemas), plan.catchAll];
  /** By schema: forgotten with the plan that it belongs to. */
  let series = new Map<FlowSchema, FlowSeries>();

  const seriesOf = (schema: FlowSchema): FlowSeries => {
    let known = series.get(schema);
    if (!known) {
      known = meter.series(schema.spec.priorityLevelConfiguration.name, schema.metadata.name);
      series.set(schema, known);
    }
    return known;
  };
  const started = ({ series, seats, level }: HeldTurn, waitedMs: number, hasWaited: boolean) => {
    series.started(seats, waitedMs, hasWaited);
    level.counts.dispatched++;
  };
  const refuse = ({ series, seats, level: { counts, advice } }: HeldTurn, why: Refusal, waitedMs?: number) => {
    series.refused(why, seats, waitedMs);
    counts.rejected++;
    if (why === 'time-out') counts.timedOut++;
    if (why === 'cancelled') counts.cancelled++;
    // Who has gone away need not be told when to come back.
    else advice.refused(env.monotonic() / 1000);
  };
  /** Of one that waits. */
  const giveUp = (turn: HeldTurn, why: Refusal) => {
    const { ticket, wait, level } = turn;
    turn.ticket = undefined;
    wait!.cancel();
    const nowMs = env.monotonic();
    refuse(turn, why, nowMs - ticket!.arrivedAtMs);
    level.queue.leave(nowMs, ticket!);
    wait!.settle(false);
  };
  const levels = makeLevels(
    options.seats,
    (ticket) => {
      const turn = ticket.item;
      turn.wait!.cancel();
      started(turn, ticket.startedAtMs - ticket.arrivedAtMs, true);
      turn.wait!.settle(true);
    },
    env,
  );
  levels.follow(plan);

  return {
    arrive(caller, info, query, bodyBytes) {
      const schema = classifier.classify(caller, info) ?? catchAll;
      const level = levels.get(schema.spec.priorityLevelConfiguration.name)!;
      const { widest } = level;
      const turn: HeldTurn = {
        schema,
        level,
        caller,
        info,
        distinguisher: distinguisherOf(schema, caller, info),
        seats: widest === 1 ? 1 : options.seatsOf(info, query, bodyBytes, widest),
        granted: false,
        series: seriesOf(schema),
        ticket: undefined,
        wait: undefined,
      };
      const ticket = level.queue.arrive(env.monotonic(), turn, turn.seats, level.handOf(turn));
      turn.ticket = ticket;
      if (ticket?.state === 'executing') {
        turn.granted = true;
        started(turn, 0, false);
        return turn;
      }
      if (!ticket) refuse(turn, level.shape.queues === 0 ? 'concurrency-limit' : 'queue-full');
      else {
        const { promise, resolve } = Promise.withResolvers<boolean>();
        turn.granted = promise;
        turn.wait = { settle: resolve, cancel: env.after(waitMs, () => giveUp(turn, 'time-out')) };
        turn.series.queued(turn.seats, level.queue.lengthOf(ticket));
      }
      levels.lacks(level);
      return turn;
    },
    answer(given) {
      const turn = given as HeldTurn;
      const { ticket, series, seats, level } = turn;
      if (!ticket || seats === 1) return;
      turn.seats = 1;
      series.narrowed(seats - 1);
      level.queue.narrow(env.monotonic(), ticket, 1);
    },
    leave(given) {
      const turn = given as HeldTurn;
      const { ticket, series, seats, level, info } = turn;
      if (!ticket) return;
      if (ticket.state === 'waiting') return giveUp(turn, 'cancelled');
      turn.ticket = undefined;
      const nowMs = env.monotonic();
      series.done(seats, nowMs - ticket.startedAtMs, info.verb === 'watch');
      level.queue.leave(nowMs, ticket);
    },
    follow(next) {
      [classifier, catchAll] = [makeClassifier(next.schemas), next.catchAll];
      series = new Map();
      levels.follow(next);
    },
    levels: () => levels.all(),
    stop: () => levels.stop(),
  };
}
