/**
 * API priority and fairness: every request belongs to a flow schema, which sends it to a priority level, where it finds a seat, waits for one in
 * a queue, or is refused.
 */
import type { Env } from '#lib/env/env.ts';
import type { FlowSchema } from '#lib/kinds/gen/flowcontrol-v1.ts';
import type { RequestInfo } from '../rest/request-info.ts';
import type { Caller } from '../verbs/types.ts';
import { distinguisherOf, makeClassifier } from './classify.ts';
import type { Ticket } from './fair-queue.ts';
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
  seatsOf(info: RequestInfo, query: URLSearchParams, widest: number): number;
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
  /** Gives the seat back, or gives up waiting for one. Further calls do nothing. */
  leave(): void;
}

export interface FlowControl {
  arrive(caller: Caller, info: RequestInfo, query: URLSearchParams): Turn;
  /** Goes on by another plan. Requests that are here keep their level, even if it is in the plan no more. */
  follow(plan: Plan): void;
  levels(): Iterable<Level>;
  stop(): void;
}

export function makeFlowControl(plan: Plan, options: FlowControlOptions, env: Env): FlowControl {
  const { meter, waitMs } = options;
  const levels = makeLevels(options.seats, (ticket) => ticket.item.start(), env);
  let [classifier, catchAll] = [makeClassifier(plan.schemas), plan.catchAll];
  /** By schema: forgotten with the plan that it belongs to. */
  let series = new Map<FlowSchema, FlowSeries>();
  levels.follow(plan);

  const seriesOf = (schema: FlowSchema): FlowSeries => {
    let known = series.get(schema);
    if (!known) {
      known = meter.series(schema.spec.priorityLevelConfiguration.name, schema.metadata.name);
      series.set(schema, known);
    }
    return known;
  };

  return {
    arrive(caller, info, query) {
      const schema = classifier.classify(caller, info) ?? catchAll;
      const level = levels.get(schema.spec.priorityLevelConfiguration.name)!;
      const distinguisher = distinguisherOf(schema, caller, info);
      const seats = level.widest === 1 ? 1 : options.seatsOf(info, query, level.widest);
      const turn = makeTurn({ schema, level, caller, info, distinguisher, seats }, seriesOf(schema), waitMs, env);
      turn.enter();
      return turn;
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

type Entry = Pick<Turn, 'schema' | 'level' | 'caller' | 'info' | 'distinguisher' | 'seats'>;

/** What a level holds of a request. */
export interface HeldTurn extends Turn {
  enter(): void;
  /** It need not wait any longer. */
  start(): void;
}

function makeTurn(entry: Entry, series: FlowSeries, waitMs: number, env: Env): HeldTurn {
  const { level, seats } = entry;
  let ticket: Ticket<HeldTurn> | undefined;
  let granted: boolean | Promise<boolean> = false;
  let settle: ((granted: boolean) => void) | undefined;
  let cancel = () => {};

  const refuse = (why: Refusal, waitedMs?: number) => {
    series.refused(why, seats, waitedMs);
    level.counts.rejected++;
    if (why === 'time-out') level.counts.timedOut++;
    if (why === 'cancelled') level.counts.cancelled++;
    // Who has gone away need not be told when to come back.
    if (why !== 'cancelled') level.advice.refused(env.monotonic() / 1000);
  };
  const started = (waitedMs: number, hasWaited: boolean) => {
    series.started(seats, waitedMs, hasWaited);
    level.counts.dispatched++;
  };
  const giveUp = (why: Refusal) => {
    const waiting = ticket!;
    ticket = undefined;
    cancel();
    const nowMs = env.monotonic();
    refuse(why, nowMs - waiting.arrivedAtMs);
    level.queue.leave(nowMs, waiting);
    settle!(false);
  };
  const turn: HeldTurn = {
    ...entry,
    get granted() {
      return granted;
    },
    enter() {
      ticket = level.queue.arrive(env.monotonic(), turn, seats, level.handOf(entry));
      if (!ticket) return refuse(level.shape.queues === 0 ? 'concurrency-limit' : 'queue-full');
      if (ticket.state === 'executing') {
        granted = true;
        started(0, false);
        return;
      }
      series.queued(seats, level.queue.lengthOf(ticket));
      granted = new Promise((resolve) => (settle = resolve));
      cancel = env.after(waitMs, () => giveUp('time-out'));
    },
    start() {
      cancel();
      started(ticket!.startedAtMs - ticket!.arrivedAtMs, true);
      settle!(true);
    },
    leave() {
      if (!ticket) return;
      if (ticket.state === 'waiting') return giveUp('cancelled');
      const done = ticket;
      ticket = undefined;
      const nowMs = env.monotonic();
      series.done(seats, nowMs - done.startedAtMs);
      level.queue.leave(nowMs, done);
    },
  };
  return turn;
}
