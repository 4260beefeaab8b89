/** Metrics of flow control, under the names, labels and buckets of upstream's `flowcontrol/metrics`. */
import type { Registry } from '#lib/metrics/registry.ts';
import type { Level } from './levels.ts';

/** Why a request was not served. */
export type Refusal = 'concurrency-limit' | 'queue-full' | 'time-out' | 'cancelled';

/** What is told of the requests of one schema at one level. */
export interface FlowSeries {
  queued(seats: number, queueLength: number): void;
  /** A seat was found, after waiting for it or at once. */
  started(seats: number, waitedMs: number, hasWaited: boolean): void;
  /** It needs fewer seats from now on. */
  narrowed(by: number): void;
  /** `waitedMs` is there for those that were queued. */
  refused(why: Refusal, seats: number, waitedMs?: number): void;
  done(seats: number, tookMs: number, isWatch: boolean): void;
}

export interface FlowMeter {
  series(level: string, schema: string): FlowSeries;
}

const seconds = [0, 0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30];
const prefix = 'apiserver_flowcontrol_';
const subsystem = 'the API Priority and Fairness subsystem';
const flow = ['priority_level', 'flow_schema'];

/** Registers them. */
export function measureFlows(registry: Registry): FlowMeter {
  const gauge = (name: string, help: string) => registry.gauge(prefix + name, help, flow);
  const histogram = (name: string, help: string, bounds: readonly number[], ...more: string[]) =>
    registry.histogram(prefix + name, help, [...flow, ...more], bounds);
  const rejected = registry.counter(
    `${prefix}rejected_requests_total`,
    '[BETA] Number of requests rejected by API Priority and Fairness subsystem',
    [...flow, 'reason'],
  );
  const dispatched = registry.counter(
    `${prefix}dispatched_requests_total`,
    '[BETA] Number of requests executed by API Priority and Fairness subsystem',
    flow,
  );
  const waiting = gauge(
    'current_inqueue_requests',
    `[BETA] Number of requests currently pending in queues of ${subsystem}`,
  );
  const waitingSeats = gauge(
    'current_inqueue_seats',
    `[ALPHA] Number of seats currently pending in queues of ${subsystem}`,
  );
  const executing = gauge(
    'current_executing_requests',
    `[BETA] Number of requests in initial (for a WATCH) or any (for a non-WATCH) execution stage in ${subsystem}`,
  );
  const executingSeats = gauge(
    'current_executing_seats',
    `[BETA] Concurrency (number of seats) occupied by the currently executing (initial stage for a WATCH, any stage otherwise) requests in ${subsystem}`,
  );
  const wait = histogram(
    'request_wait_duration_seconds',
    '[BETA] Length of time a request spent waiting in its queue',
    seconds,
    'execute',
  );
  const execution = histogram(
    'request_execution_seconds',
    `[ALPHA] Duration of initial stage (for a WATCH) or any (for a non-WATCH) stage of request execution in ${subsystem}`,
    seconds,
    'type',
  );
  const length = histogram(
    'request_queue_length_after_enqueue',
    `[ALPHA] Length of queue in ${subsystem}, as seen by each request after it is enqueued`,
    [0, 10, 25, 50, 100, 250, 500, 1000],
  );
  const width = histogram(
    'work_estimated_seats',
    '[ALPHA] Number of estimated seats (maximum of initial and final seats) associated with requests in API Priority and Fairness',
    [1, 2, 4, 10],
  );
  return {
    series(level, schema) {
      const of = [level, schema];
      const own = {
        dispatched: dispatched.with(...of),
        waiting: waiting.with(...of),
        waitingSeats: waitingSeats.with(...of),
        executing: executing.with(...of),
        executingSeats: executingSeats.with(...of),
        served: wait.with(...of, 'true'),
        unserved: wait.with(...of, 'false'),
        execution: execution.with(...of, 'regular'),
        beginning: execution.with(...of, 'watch'),
        length: length.with(...of),
        width: width.with(...of),
      };
      const dequeued = (seats: number) => {
        own.waiting.add(-1);
        own.waitingSeats.add(-seats);
      };
      return {
        queued(seats, queueLength) {
          own.waiting.add(1);
          own.waitingSeats.add(seats);
          own.length.observe(queueLength);
        },
        started(seats, waitedMs, hasWaited) {
          if (hasWaited) dequeued(seats);
          own.served.observe(waitedMs / 1000);
          own.width.observe(seats);
          own.dispatched.add();
          own.executing.add(1);
          own.executingSeats.add(seats);
        },
        narrowed: (by) => own.executingSeats.add(-by),
        refused(why, seats, waitedMs) {
          rejected.with(...of, why).add();
          if (waitedMs === undefined) return;
          dequeued(seats);
          own.unserved.observe(waitedMs / 1000);
        },
        done(seats, tookMs, isWatch) {
          own.executing.add(-1);
          own.executingSeats.add(-seats);
          (isWatch ? own.beginning : own.execution).observe(tookMs / 1000);
        },
      };
    },
  };
}

/** Registers what the levels' limits are. */
export function measureLimits(registry: Registry, levels: () => Iterable<Level>): void {
  const limit = (name: string, help: string, read: (level: Level) => number) =>
    registry.reading('gauge', prefix + name, help, ['priority_level'], () =>
      [...levels()].map((level) => [[level.name], read(level)] as const),
    );
  limit(
    'nominal_limit_seats',
    '[BETA] Nominal number of execution seats configured for each priority level',
    ({ bounds }) => bounds.nominal,
  );
  limit(
    'lower_limit_seats',
    '[ALPHA] Configured lower bound on number of execution seats available to each priority level',
    ({ bounds }) => bounds.least,
  );
  limit(
    'upper_limit_seats',
    '[ALPHA] Configured upper bound on number of execution seats available to each priority level',
    ({ bounds }) => bounds.most,
  );
  limit(
    'current_limit_seats',
    '[ALPHA] current derived number of execution seats available to each priority level',
    ({ queue, bounds }) => (queue.limit === Infinity ? bounds.nominal : queue.limit),
  );
}
