import assert from 'node:assert/strict';
import fc from 'fast-check';
import { makeFairQueue } from './fair-queue.ts';
import type { QueueShape, Ticket } from './fair-queue-types.ts';
import { dealHand } from './hand.ts';

interface Asked {
  flow: string;
  seats: number;
  serviceMs: number;
}

/** A level on a clock of its own: what executes is done when its time has come. */
function makeLevel(shape: QueueShape & { handSize: number }, limit: number) {
  let nowMs = 0;
  const executing: { ticket: Ticket<Asked>; dueMs: number }[] = [];
  const starts: Ticket<Asked>[] = [];
  const start = (ticket: Ticket<Asked>) => {
    starts.push(ticket);
    executing.push({ ticket, dueMs: nowMs + ticket.item.serviceMs });
  };
  const queue = makeFairQueue<Asked>(nowMs, shape, limit, start);
  return {
    queue,
    starts,
    executing,
    arrive(asked: Asked): Ticket<Asked> | undefined {
      const ticket = queue.arrive(nowMs, asked, asked.seats, dealHand(asked.flow, shape.queues, shape.handSize));
      if (ticket?.state === 'executing') start(ticket);
      return ticket;
    },
    leave: (ticket: Ticket<Asked>) => queue.leave(nowMs, ticket),
    narrow: (ticket: Ticket<Asked>) => queue.narrow(nowMs, ticket, 1),
    /** Ends the request that is done next; undefined when none executes. */
    finishNext(): Ticket<Asked> | undefined {
      executing.sort((a, b) => a.dueMs - b.dueMs);
      const next = executing.shift();
      if (!next) return undefined;
      nowMs = next.dueMs;
      queue.leave(nowMs, next.ticket);
      return next.ticket;
    },
  };
}

const shapes = fc.record({
  queues: fc.integer({ min: 1, max: 32 }),
  handSize: fc.integer({ min: 1, max: 6 }),
  queueLengthLimit: fc.integer({ min: 1, max: 20 }),
});
const asked = (mostSeats: number) =>
  fc.record({
    flow: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'),
    seats: fc.integer({ min: 1, max: mostSeats }),
    serviceMs: fc.integer({ min: 1, max: 100 }),
  });
type Step = { do: 'arrive'; what: Asked } | { do: 'finish' } | { do: 'give up' | 'narrow'; which: number };
const steps = (mostSeats: number): fc.Arbitrary<Step[]> =>
  fc.array(
    fc.oneof(
      { weight: 4, arbitrary: asked(mostSeats).map((what): Step => ({ do: 'arrive', what })) },
      { weight: 2, arbitrary: fc.constant<Step>({ do: 'finish' }) },
      { weight: 1, arbitrary: fc.nat(100).map((which): Step => ({ do: 'give up', which })) },
      { weight: 1, arbitrary: fc.nat(100).map((which): Step => ({ do: 'narrow', which })) },
    ),
    { maxLength: 200 },
  );

/** Takes the steps, looking at the level after each; then lets everything end. Answers who was taken in. */
function run(level: ReturnType<typeof makeLevel>, taken: readonly Step[], look: () => void): Ticket<Asked>[] {
  const all: Ticket<Asked>[] = [];
  for (const step of taken) {
    if (step.do === 'arrive') {
      const ticket = level.arrive(step.what);
      if (ticket) all.push(ticket);
    } else if (step.do === 'finish') level.finishNext();
    else if (step.do === 'narrow') {
      const worked = level.executing[step.which % level.executing.length];
      if (worked) level.narrow(worked.ticket);
    } else {
      const waiting = all.filter(({ state }) => state === 'waiting');
      const quitter = waiting[step.which % waiting.length];
      if (quitter) level.leave(quitter);
    }
    look();
  }
  while (level.finishNext()) look();
  return all;
}

suite('makeFairQueue()', () => {
  test('never gives out more seats than there are, but to one that has the level to itself', () => {
    fc.assert(
      fc.property(shapes, fc.integer({ min: 1, max: 8 }), steps(10), (shape, limit, taken) => {
        const level = makeLevel(shape, limit);
        run(level, taken, () => {
          const seats = level.executing.reduce((sum, { ticket }) => sum + ticket.seats, 0);
          assert.equal(level.queue.seatsInUse, seats);
          assert.equal(level.queue.executing, level.executing.length);
          assert.ok(seats <= limit || level.executing.length === 1);
        });
      }),
    );
  });

  test('leaves no seat free while somebody waits for one', () => {
    fc.assert(
      fc.property(shapes, fc.integer({ min: 1, max: 8 }), steps(1), (shape, limit, taken) => {
        const level = makeLevel(shape, limit);
        run(level, taken, () => {
          if (level.queue.waiting > 0) assert.equal(level.queue.seatsInUse, limit);
        });
      }),
    );
  });

  test('serves everyone it has taken in, and forgets them: in the end nothing is left', () => {
    fc.assert(
      fc.property(shapes, fc.integer({ min: 1, max: 8 }), steps(10), (shape, limit, taken) => {
        const level = makeLevel(shape, limit);
        const all = run(level, taken, () => {});
        assert.ok(all.every(({ state }) => state === 'over'));
        const { waiting, executing, seatsInUse, seatsWaiting } = level.queue;
        assert.deepEqual(
          { waiting, executing, seatsInUse, seatsWaiting },
          { waiting: 0, executing: 0, seatsInUse: 0, seatsWaiting: 0 },
        );
        assert.deepEqual(level.queue.digest(), { queues: [], executing: [] });
      }),
    );
  });

  test('starts the requests of a queue in the order in which they came', () => {
    fc.assert(
      fc.property(shapes, fc.integer({ min: 1, max: 8 }), steps(3), (shape, limit, taken) => {
        // A hand of one: a flow has one queue.
        const level = makeLevel({ ...shape, handSize: 1 }, limit);
        const all = run(level, taken, () => {});
        for (const flow of new Set(all.map(({ item }) => item.flow))) {
          const of = (tickets: Ticket<Asked>[]) => tickets.filter(({ item }) => item.flow === flow);
          const started = of(level.starts);
          assert.deepEqual(
            started,
            of(all).filter((ticket) => started.includes(ticket)),
          );
        }
      }),
    );
  });

  test('keeps no queue longer than its limit, and refuses nobody while it has a seat', () => {
    fc.assert(
      fc.property(
        shapes,
        fc.integer({ min: 1, max: 8 }),
        fc.array(asked(1), { maxLength: 300 }),
        (shape, limit, arrivals) => {
          const level = makeLevel(shape, limit);
          for (const arrival of arrivals) {
            const isFree = level.queue.seatsInUse < limit;
            const ticket = level.arrive(arrival);
            if (isFree) assert.equal(ticket?.state, 'executing');
            for (const { waiting } of level.queue.digest().queues) assert.ok(waiting.length <= shape.queueLengthLimit);
          }
        },
      ),
    );
  });

  test('makes a quiet flow wait for a few service times at most beside one that sends a thousand requests', () => {
    const lengths = fc.array(fc.integer({ min: 1, max: 100 }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(fc.string(), fc.integer({ min: 1, max: 50 }), lengths, lengths, (name, limit, noisyMs, quietMs) => {
        const level = makeLevel({ queues: 128, handSize: 6, queueLengthLimit: 200 }, limit);
        const longestMs = Math.max(...noisyMs, ...quietMs);
        let sent = 0;
        const noise = () =>
          level.arrive({ flow: `${name}/noisy`, seats: 1, serviceMs: noisyMs[sent++ % noisyMs.length]! });
        for (let i = 0; i < 1000; i++) noise();
        for (let i = 0; i < 20; i++) {
          const quiet = level.arrive({ flow: `${name}/quiet`, seats: 1, serviceMs: quietMs[i % quietMs.length]! })!;
          for (let done = level.finishNext(); done !== quiet; done = level.finishNext()) noise();
          // The noisy one has six queues, and each may be served first, for what it was given too little of before.
          const waitedMs = quiet.startedAtMs - quiet.arrivedAtMs;
          assert.ok(waitedMs <= longestMs * (3 + 16 / limit), `number ${i} waited for ${waitedMs} ms`);
        }
      }),
      { numRuns: 60 },
    );
  });

  test('serves flows that always want more alike, whatever their requests take', () => {
    const level = makeLevel({ queues: 64, handSize: 1, queueLengthLimit: 500 }, 4);
    const flows = { short: 5, long: 50 };
    const served: Record<string, number> = { short: 0, long: 0 };
    const want = (flow: string, serviceMs: number) => level.arrive({ flow, seats: 1, serviceMs });
    for (const [flow, serviceMs] of Object.entries(flows)) for (let i = 0; i < 100; i++) want(flow, serviceMs);
    for (let i = 0; i < 2000; i++) {
      const { flow, serviceMs } = level.finishNext()!.item;
      served[flow]! += serviceMs;
      want(flow, serviceMs);
    }
    const ratio = served['short']! / served['long']!;
    assert.ok(ratio > 0.8 && ratio < 1.25, `${ratio}`);
  });

  test('without queues refuses what finds no seat', () => {
    const level = makeLevel({ queues: 0, handSize: 0, queueLengthLimit: 0 }, 2);
    const one = { flow: 'a', seats: 1, serviceMs: 1 };
    assert.deepEqual(
      [level.arrive(one)?.state, level.arrive(one)?.state, level.arrive(one)],
      ['executing', 'executing', undefined],
    );
    level.finishNext();
    assert.equal(level.arrive(one)?.state, 'executing');
  });

  test('lets one that needs little pass one that waits for many seats', () => {
    const level = makeLevel({ queues: 8, handSize: 1, queueLengthLimit: 50 }, 4);
    const ask = (flow: string, seats: number) => level.arrive({ flow, seats, serviceMs: 10 })!;
    ask('a', 2);
    const wide = ask('b', 3);
    assert.equal(wide.state, 'waiting');
    assert.equal(ask('c', 1).state, 'executing');
    level.finishNext();
    assert.equal(wide.state, 'executing');
  });

  test('starts more when the limit is raised, and none too many when it is lowered', () => {
    const shape = { queues: 8, queueLengthLimit: 50 };
    const level = makeLevel({ ...shape, handSize: 2 }, 2);
    for (let i = 0; i < 10; i++) level.arrive({ flow: `f${i}`, seats: 1, serviceMs: 10 });
    level.queue.reshape(0, shape, 5);
    assert.deepEqual([level.queue.executing, level.queue.waiting], [5, 5]);
    level.queue.reshape(0, { ...shape, queues: 1 }, 1);
    for (let i = 0; i < 4; i++) level.finishNext();
    assert.deepEqual([level.queue.executing, level.queue.waiting], [1, 5]);
    while (level.finishNext());
    assert.equal(level.queue.waiting, 0);
  });

  test('tells how many seats were asked for', () => {
    const level = makeLevel({ queues: 8, handSize: 2, queueLengthLimit: 50 }, 2);
    for (let i = 0; i < 4; i++) level.arrive({ flow: 'a', seats: 1, serviceMs: 10 });
    for (let i = 0; i < 4; i++) level.finishNext();
    assert.deepEqual(level.queue.takeDemand(40), {
      high: 4,
      average: 1.5,
      deviation: Math.sqrt(5 - 1.5 ** 2),
    });
    assert.deepEqual(level.queue.takeDemand(50), { high: 0, average: 0, deviation: 0 });
  });
});

suite('dealHand()', () => {
  test('deals different queues, the same to the same flow', () => {
    fc.assert(
      fc.property(
        fc.string(),
        fc.integer({ min: 1, max: 500 }),
        fc.integer({ min: 1, max: 8 }),
        (flow, queues, size) => {
          const hand = dealHand(flow, queues, size);
          assert.equal(new Set(hand).size, Math.min(size, queues));
          assert.ok(hand.every((index) => Number.isInteger(index) && index >= 0 && index < queues));
          assert.deepEqual(dealHand(flow, queues, size), hand);
        },
      ),
    );
  });

  test('spreads flows evenly, and hardly ever deals two the same', () => {
    const counts = Array.from({ length: 64 }, () => 0);
    const hands = new Set<string>();
    for (let i = 0; i < 6400; i++) {
      const hand = dealHand(`global-default/user-${i}`, 64, 4);
      for (const index of hand) counts[index]!++;
      hands.add(hand.toSorted((a, b) => a - b).join());
    }
    for (const count of counts) assert.ok(count > 300 && count < 500, `${count}`);
    assert.ok(hands.size > 6300, `${hands.size}`);
  });
});
