/**
 * Fair queuing for requests, as upstream's `flowcontrol/fairqueuing/queueset`: requests of a priority level wait in queues, and a free seat goes to the
 * queue whose next request would be done first if all queues were served side by side. Pure but for its own state; the clock is an argument.
 */
import type { FairQueue, QueueShape, Ticket } from './fair-queue-types.ts';
import { makeDemandMeter } from './seat-demand.ts';

/** How long the first requests of a level are taken to last, as upstream takes all of them. */
const firstAssumedMs = 3;

/** The part that each request has in what the next ones are taken to last. */
const learning = 1 / 16;

interface Queue<T> {
  readonly index: number;
  /** In the order of arrival. */
  waiting: Held<T>[];
  seatsWaiting: number;
  executing: number;
  seatsInUse: number;
  /** When, in virtual time, the next request is to start: service that the queue has been given, in seat milliseconds. */
  nextR: number;
  lastTurn: number;
}

interface Held<T> extends Ticket<T> {
  queue: Queue<T> | undefined;
  arrivedAtR: number;
  /** Since when it has had as many seats as now. */
  seatedAtMs: number;
  /** What its queue has been charged for, of the time since then. */
  chargedMs: number;
}

/** `onStart` hears of each ticket that had to wait, when it starts. A limit of Infinity refuses nothing. */
export function makeFairQueue<T>(
  nowMs: number,
  shape: QueueShape,
  limit: number,
  onStart: (ticket: Ticket<T>) => void,
): FairQueue<T> {
  /** Those in use, by number: others hold nothing. */
  const queues = new Map<number, Queue<T>>();
  const demand = makeDemandMeter();
  const executing = new Set<Held<T>>();
  let [waiting, seatsInUse, seatsWaiting, arrivals, turns] = [0, 0, 0, 0, 0];
  /** Virtual time: what each queue in use could have been given since the beginning, in seat milliseconds. */
  let currentR = 0;
  let lastMs = nowMs;
  let assumedMs = firstAssumedMs;

  const advance = (nowMs: number) => {
    const passedMs = Math.max(0, nowMs - lastMs);
    if (queues.size > 0) currentR += (passedMs * Math.min(seatsInUse + seatsWaiting, limit)) / queues.size;
    demand.hold(seatsInUse + seatsWaiting, passedMs);
    lastMs += passedMs;
  };
  /** A request wider than the level has it to itself. */
  const fits = (seats: number) => seatsInUse + seats <= limit || (seats > limit && executing.size === 0);

  const queueFor = (hand: readonly number[]): Queue<T> => {
    const offset = arrivals++;
    let best: Queue<T> | undefined;
    for (let i = 0; i < hand.length; i++) {
      const index = hand[(offset + i) % hand.length]!;
      const queue = queues.get(index) ?? idleQueue(index, currentR);
      if (!best || queue.seatsWaiting < best.seatsWaiting) best = queue;
      // None can be shorter than one that is empty.
      if (best.seatsWaiting === 0) break;
    }
    return best!;
  };
  const start = (ticket: Held<T>, nowMs: number) => {
    const { queue, seats } = ticket;
    ticket.state = 'executing';
    ticket.startedAtMs = ticket.seatedAtMs = nowMs;
    executing.add(ticket);
    seatsInUse += seats;
    if (!queue) return;
    queue.executing++;
    queue.seatsInUse += seats;
    ticket.chargedMs = assumedMs;
    queue.nextR += seats * assumedMs;
    queue.lastTurn = ++turns;
  };
  /** The queue whose oldest request would be done first; of several, the one that has waited longest for its turn. */
  const nextQueue = (): Queue<T> | undefined => {
    if (waiting === 0) return undefined;
    let best: Queue<T> | undefined;
    let bestR = Infinity;
    for (const queue of queues.values()) {
      if (queue.waiting.length === 0) continue;
      const doneAtR = queue.nextR + queue.waiting[0]!.seats * assumedMs;
      if (doneAtR > bestR || (doneAtR === bestR && queue.lastTurn > best!.lastTurn)) continue;
      best = queue;
      bestR = doneAtR;
    }
    return best;
  };
  const takeOut = (ticket: Held<T>) => {
    const queue = ticket.queue!;
    queue.waiting.splice(queue.waiting.indexOf(ticket), 1);
    queue.seatsWaiting -= ticket.seats;
    waiting--;
    seatsWaiting -= ticket.seats;
  };
  /** Gives seats of an executing request back, and charges its queue for the time that it has had all of them. */
  const vacate = (nowMs: number, ticket: Held<T>, seats: number) => {
    const { queue } = ticket;
    seatsInUse -= seats;
    if (!queue) return;
    queue.seatsInUse -= seats;
    queue.nextR += ticket.seats * (nowMs - ticket.seatedAtMs - ticket.chargedMs);
  };
  /** A queue that did not use its share does not save it up: no request starts, in virtual time, before it came. */
  const settle = (queue: Queue<T>) => {
    const oldest = queue.waiting[0];
    if (oldest) queue.nextR = Math.max(queue.nextR, oldest.arrivedAtR);
    else if (queue.executing === 0) queues.delete(queue.index);
  };
  /** Nobody needs to be told of one that has only just come. */
  const startWaiting = (nowMs: number, newcomer?: Held<T>) => {
    for (let queue = nextQueue(); queue; queue = nextQueue()) {
      const ticket = queue.waiting[0]!;
      if (!fits(ticket.seats)) return;
      takeOut(ticket);
      start(ticket, nowMs);
      settle(queue);
      if (ticket !== newcomer) onStart(ticket);
    }
  };

  return {
    get limit() {
      return limit;
    },
    get waiting() {
      return waiting;
    },
    get executing() {
      return executing.size;
    },
    get seatsInUse() {
      return seatsInUse;
    },
    get seatsWaiting() {
      return seatsWaiting;
    },

    arrive(nowMs, item, seats, hand) {
      advance(nowMs);
      const startsNow = waiting === 0 && fits(seats);
      if (!startsNow && shape.queues === 0) return undefined;
      const queue = shape.queues === 0 ? undefined : queueFor(hand);
      if (!startsNow && queue!.waiting.length >= shape.queueLengthLimit) return undefined;
      const ticket: Held<T> = {
        item,
        seats,
        arrivedAtMs: nowMs,
        state: 'waiting',
        startedAtMs: nowMs,
        queue,
        arrivedAtR: currentR,
        seatedAtMs: nowMs,
        chargedMs: 0,
      };
      if (queue) queues.set(queue.index, queue);
      if (startsNow) {
        start(ticket, nowMs);
      } else {
        queue!.waiting.push(ticket);
        queue!.seatsWaiting += seats;
        waiting++;
        seatsWaiting += seats;
      }
      demand.peak(seatsInUse + seatsWaiting);
      // It may need fewer seats than those that wait, and be due before them.
      if (!startsNow) startWaiting(nowMs, ticket);
      return ticket;
    },

    lengthOf: (ticket) => (ticket as Held<T>).queue?.waiting.length ?? 0,

    leave(nowMs, given) {
      const ticket = given as Held<T>;
      if (ticket.state === 'over') return;
      advance(nowMs);
      const { queue, seats } = ticket;
      if (ticket.state === 'waiting') {
        takeOut(ticket);
      } else {
        assumedMs += (nowMs - ticket.startedAtMs - assumedMs) * learning;
        executing.delete(ticket);
        vacate(nowMs, ticket, seats);
        if (queue) queue.executing--;
      }
      ticket.state = 'over';
      if (queue) settle(queue);
      startWaiting(nowMs);
    },

    narrow(nowMs, given, seats) {
      const ticket = given as Held<T>;
      if (ticket.state !== 'executing' || ticket.seats <= seats) return;
      advance(nowMs);
      vacate(nowMs, ticket, ticket.seats - seats);
      ticket.seats = seats;
      ticket.seatedAtMs = nowMs;
      ticket.chargedMs = 0;
      if (ticket.queue) settle(ticket.queue);
      startWaiting(nowMs);
    },

    reshape(nowMs, nextShape, nextLimit) {
      advance(nowMs);
      // Queues that are no longer dealt run dry by themselves.
      shape = nextShape;
      limit = nextLimit;
      startWaiting(nowMs);
    },

    takeDemand(nowMs) {
      advance(nowMs);
      return demand.take(seatsInUse + seatsWaiting);
    },

    digest: () => ({
      queues: [...queues.values()]
        .toSorted((a, b) => a.index - b.index)
        .map((queue) => ({
          index: queue.index,
          waiting: [...queue.waiting],
          executing: [...executing].filter((ticket) => ticket.queue === queue),
          seatsInUse: queue.seatsInUse,
          nextR: queue.nextR,
          work: queue.seatsWaiting * assumedMs,
        })),
      executing: [...executing].filter(({ queue }) => !queue),
    }),
  };
}

function idleQueue<T>(index: number, nextR: number): Queue<T> {
  return { index, waiting: [], seatsWaiting: 0, executing: 0, seatsInUse: 0, nextR, lastTurn: 0 };
}
