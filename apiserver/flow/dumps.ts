/** What flow control holds at the moment, as the text tables of upstream's `flowcontrol/apf_controller_debug.go`. Pure. */
import type { Ticket } from './fair-queue-types.ts';
import type { HeldTurn } from './flow-control.ts';
import type { Level } from './levels.ts';

/** Queues of a level that are told with those of them that nobody uses; of more, only the others are. */
const mostQueues = 1024;

/** A row for each level. */
export function dumpLevels(levels: Iterable<Level>): string {
  const header =
    'PriorityLevelName ActiveQueues IsIdle IsQuiescing WaitingRequests ExecutingRequests DispatchedRequests RejectedRequests TimedoutRequests CancelledRequests';
  return tableOf(header, sorted(levels), ({ name, queue, isLeaving, counts }) => {
    const active = queue.digest().queues.filter(({ waiting }) => waiting.length > 0).length;
    const { dispatched, rejected, timedOut, cancelled } = counts;
    const isIdle = queue.waiting + queue.executing === 0;
    return [
      [name, active, isIdle, isLeaving, queue.waiting, queue.executing, dispatched, rejected, timedOut, cancelled],
    ];
  });
}

/** A row for each queue. */
export function dumpQueues(levels: Iterable<Level>): string {
  const header =
    'PriorityLevelName Index PendingRequests ExecutingRequests SeatsInUse NextDispatchR InitialSeatsSum MaxSeatsSum TotalWorkSum';
  return tableOf(header, sorted(levels), ({ name, shape, queue }) => {
    const used = new Map(queue.digest().queues.map((one) => [one.index, one]));
    const all = shape.queues <= mostQueues ? Array.from({ length: shape.queues }, (_, i) => i) : [];
    const indexes = [...new Set([...all, ...used.keys()])].toSorted((a, b) => a - b);
    return indexes.map((index) => {
      const { waiting = [], executing = [], seatsInUse = 0, nextR = 0, work = 0 } = used.get(index) ?? {};
      const seats = waiting.reduce((sum, ticket) => sum + ticket.seats, 0);
      return [
        name,
        index,
        waiting.length,
        executing.length,
        seatsInUse,
        seatSeconds(nextR),
        seats,
        seats,
        seatSeconds(work),
      ];
    });
  });
}

/** A row for each request that waits or executes. `wallOf` makes a time of the monotonic clock one since the epoch. */
export function dumpRequests(
  levels: Iterable<Level>,
  withDetails: boolean,
  wallOf: (monotonicMs: number) => number,
): string {
  const header =
    'PriorityLevelName FlowSchemaName QueueIndex RequestIndexInQueue FlowDistingsher ArriveTime InitialSeats FinalSeats AdditionalLatency StartTime';
  const details = ' UserName Verb APIPath Namespace Name APIVersion Resource SubResource';
  const time = (ms: number) => new Date(wallOf(ms)).toISOString().replace(/\.?0*Z$/, 'Z');
  const row = (level: string, queue: number, position: number, { item, seats, ...ticket }: Ticket<HeldTurn>) => {
    const { schema, distinguisher, caller, info } = item;
    const started = ticket.state === 'waiting' ? '0001-01-01T00:00:00Z' : time(ticket.startedAtMs);
    const version = info.group ? `${info.group}/${info.version}` : info.version;
    return [
      ...[
        level,
        schema.metadata.name,
        queue,
        position,
        distinguisher,
        time(ticket.arrivedAtMs),
        seats,
        0,
        '0s',
        started,
      ],
      ...(withDetails
        ? [caller.name, info.verb, info.path, info.namespace, info.name, version, info.resource, info.subresource]
        : []),
    ];
  };
  return tableOf(withDetails ? header + details : header, sorted(levels), ({ name, queue }) => {
    const { queues, executing } = queue.digest();
    return [
      ...queues.flatMap((one) => [
        ...one.waiting.map((ticket, position) => row(name, one.index, position, ticket)),
        ...one.executing.map((ticket) => row(name, one.index, -1, ticket)),
      ]),
      ...executing.map((ticket) => row(name, -1, -1, ticket)),
    ];
  });
}

function sorted(levels: Iterable<Level>): Level[] {
  return [...levels].toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

const seatSeconds = (seatMs: number) => `${(seatMs / 1000).toFixed(8)}ss`;

type Cell = string | number | boolean;

/** Columns as Go's tabwriter sets them: a cell ends with a comma, is 8 wide at least, and followed by a blank. */
function tableOf(header: string, levels: readonly Level[], rowsOf: (level: Level) => Cell[][]): string {
  const rows = [header.split(' '), ...levels.flatMap(rowsOf)].map((cells) => cells.map(String));
  const widths = rows[0]!.map((_, i) => Math.max(8, ...rows.map((cells) => cells[i]!.length + 2)));
  const lineOf = (cells: string[]) =>
    cells.map((cell, i) => (i === cells.length - 1 ? cell : `${cell},`.padEnd(widths[i]!))).join('');
  return rows.map((cells) => `${lineOf(cells)}\n`).join('');
}
