/** The priority levels as they run: each with its queues and its part of the server's seats, some of which they lend each other. */
import type { Env } from '#lib/env/env.ts';
import type { PriorityLevelConfigurationSpec } from '#lib/kinds/gen/flowcontrol-v1.ts';
import { makeFairQueue } from './fair-queue.ts';
import type { FairQueue, QueueShape, Ticket } from './fair-queue-types.ts';
import type { HeldTurn, Turn } from './flow-control.ts';
import { dealHand } from './hand.ts';
import { boundsOf, currentLimits, smoothed } from './limits.ts';
import type { SeatBounds } from './limits.ts';
import type { Plan } from './plan.ts';
import { makeRetryAdvice } from './retry-advice.ts';
import type { RetryAdvice } from './retry-advice.ts';

export interface Level {
  readonly name: string;
  uid: string;
  spec: PriorityLevelConfigurationSpec;
  shape: QueueShape;
  bounds: SeatBounds;
  /** Seats that its widest request may take: a quarter is left for those that need little. */
  readonly widest: number;
  /** Whether it is in the plan no more, and goes once the last request has left it. */
  isLeaving: boolean;
  readonly queue: FairQueue<HeldTurn>;
  readonly advice: RetryAdvice;
  /** Since it began. Those that waited too long, and those that gave up, were rejected too. */
  readonly counts: { dispatched: number; rejected: number; timedOut: number; cancelled: number };
  /** The queues that a request may wait in. */
  handOf(turn: Pick<Turn, 'schema' | 'distinguisher'>): readonly number[];
}

export interface Levels {
  follow(plan: Plan): void;
  get(name: string): Level | undefined;
  /** Somebody found no seat in the level: it takes back at once what it has lent. */
  lacks(level: Level): void;
  all(): Iterable<Level>;
  stop(): void;
}

/** How often seats are lent anew. */
const lendEveryMs = 1000;

/** The shortest time between two. */
const lendPauseMs = 50;

/** Flows of a level whose hands are remembered; then all are dealt again, the same. */
const rememberedHands = 10_000;

const noHand: readonly number[] = [];

export function makeLevels(total: number, onStart: (ticket: Ticket<HeldTurn>) => void, env: Env): Levels {
  const levels = new Map<string, Running>();
  let lentAtMs = -Infinity;

  /** Gives each level the seats that it may have now. */
  const lend = (demands: (level: Running) => { high: number; smooth: number }) => {
    const limited = [...levels.values()].filter(({ spec }) => !isExempt(spec));
    const limits = currentLimits(
      limited.map((level) => ({ ...level.bounds, ...demands(level) })),
      total,
    );
    const nowMs = (lentAtMs = env.monotonic());
    for (const [i, level] of limited.entries()) level.queue.reshape(nowMs, level.shape, limits[i]!);
  };
  /** By what is asked for at the moment; who finds no seat will ask for more. */
  const lendByNow = (lacking?: Level) =>
    lend((level) => {
      const { queue, bounds, smooth } = level;
      const asked = queue.seatsInUse + queue.seatsWaiting;
      const high = level === lacking || queue.waiting > 0 ? Math.max(asked, bounds.nominal) : asked;
      return { high, smooth: Math.max(smooth, high) };
    });
  const dropIdle = () => {
    for (const [name, { isLeaving, queue }] of levels)
      if (isLeaving && queue.executing + queue.waiting === 0) levels.delete(name);
  };
  const round = () => {
    dropIdle();
    lend((level) => {
      const demand = level.queue.takeDemand(env.monotonic());
      return { high: demand.high, smooth: (level.smooth = smoothed(demand, level.smooth)) };
    });
    cancel = env.after(lendEveryMs, round);
  };
  let cancel = env.after(lendEveryMs, round);

  return {
    follow(plan) {
      for (const level of levels.values()) level.isLeaving = !plan.levels.has(level.name);
      dropIdle();
      for (const [name, { uid, spec }] of plan.levels) {
        const level = levels.get(name) ?? makeLevel(name, spec, onStart, env);
        levels.set(name, level);
        level.configure(uid, spec);
      }
      const bounds = boundsOf(new Map([...levels].map(([name, { spec }]) => [name, spec])), total);
      for (const level of levels.values()) level.bounds = bounds.get(level.name)!;
      lendByNow();
    },
    get: (name) => levels.get(name),
    lacks(level) {
      const isLent = level.queue.limit < level.bounds.nominal;
      if (isLent && env.monotonic() - lentAtMs >= lendPauseMs) lendByNow(level);
    },
    all: () => levels.values(),
    stop: () => cancel(),
  };
}

interface Running extends Level {
  /** Of its demand, over time. */
  smooth: number;
  configure(uid: string, spec: PriorityLevelConfigurationSpec): void;
}

const isExempt = ({ limited }: PriorityLevelConfigurationSpec) => limited === undefined;

function makeLevel(
  name: string,
  spec: PriorityLevelConfigurationSpec,
  onStart: (ticket: Ticket<HeldTurn>) => void,
  env: Env,
): Running {
  const hands = new Map<string, readonly number[]>();
  const level: Running = {
    name,
    uid: '',
    spec,
    shape: shapeOf(spec),
    bounds: { nominal: 0, least: 0, most: 0 },
    get widest() {
      return isExempt(level.spec) ? 1 : Math.max(1, Math.floor(level.queue.limit * 0.75));
    },
    isLeaving: false,
    smooth: 0,
    queue: makeFairQueue(env.monotonic(), shapeOf(spec), isExempt(spec) ? Infinity : 0, onStart),
    advice: makeRetryAdvice(),
    counts: { dispatched: 0, rejected: 0, timedOut: 0, cancelled: 0 },
    configure(uid, next) {
      level.uid = uid;
      level.spec = next;
      level.shape = shapeOf(next);
      hands.clear();
    },
    handOf({ schema, distinguisher }) {
      const { queues } = level.shape;
      if (queues === 0) return noHand;
      const flow = `${schema.metadata.name}/${distinguisher}`;
      let hand = hands.get(flow);
      if (!hand) {
        if (hands.size >= rememberedHands) hands.clear();
        hand = dealHand(flow, queues, level.spec.limited?.limitResponse?.queuing?.handSize ?? 1);
        hands.set(flow, hand);
      }
      return hand;
    },
  };
  return level;
}

function shapeOf({ limited }: PriorityLevelConfigurationSpec): QueueShape {
  const { queues = 0, queueLengthLimit = 0 } = limited?.limitResponse?.queuing ?? {};
  return { queues, queueLengthLimit };
}
