/** What a priority level's queues look like from outside. */
import type { SeatDemand } from './seat-demand.ts';

/** What a level does with a request that finds no seat. */
export interface QueueShape {
  /** 0: it is refused. */
  queues: number;
  /** Requests that may wait in each queue. */
  queueLengthLimit: number;
}

export type TicketState = 'waiting' | 'executing' | 'over';

/** A request within a level. */
export interface Ticket<T> {
  readonly item: T;
  /** Units of the level's concurrency that it takes. */
  seats: number;
  readonly arrivedAtMs: number;
  state: TicketState;
  startedAtMs: number;
}

export interface QueueDigest<T> {
  index: number;
  /** In their order. */
  waiting: Ticket<T>[];
  executing: Ticket<T>[];
  seatsInUse: number;
  /** When, in seat milliseconds of virtual time, the next one is to start. */
  nextR: number;
  /** Seat milliseconds that the waiting ones are taken to need. */
  work: number;
}

export interface Digest<T> {
  /** Those in use, by their numbers. */
  queues: QueueDigest<T>[];
  /** What executes without ever having had a queue. */
  executing: Ticket<T>[];
}

export interface FairQueue<T> {
  readonly limit: number;
  readonly waiting: number;
  readonly executing: number;
  readonly seatsInUse: number;
  readonly seatsWaiting: number;
  /** Takes a request in: its ticket is executing, or waiting in one of the queues in `hand`. Undefined when it is refused. */
  arrive(nowMs: number, item: T, seats: number, hand: readonly number[]): Ticket<T> | undefined;
  /** How many wait where this one does. */
  lengthOf(ticket: Ticket<T>): number;
  /** The request is done, or no longer wants to wait. What may start now does. A second call does nothing. */
  leave(nowMs: number, ticket: Ticket<T>): void;
  /** One that executes needs fewer seats from now on. What may start now does. */
  narrow(nowMs: number, ticket: Ticket<T>, seats: number): void;
  reshape(nowMs: number, shape: QueueShape, limit: number): void;
  /** What was asked for since this was last called. */
  takeDemand(nowMs: number): SeatDemand;
  digest(): Digest<T>;
}
