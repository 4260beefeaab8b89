/**
 * The world: everything in the store, kept in memory by the one watch, with a window of its recent history. Reads and watches are
 * served from it, in one total order over all kinds.
 */
import type { Resource } from '#lib/meta/object.ts';
import type { UnavailableError } from './types.ts';

/** One object at one revision. Shared by everyone who reads it: never changed. */
export interface Entry {
  /** The whole store key: `/registry/<storage>/[<namespace>/]<name>`. */
  key: string;
  /** With `metadata.resourceVersion` set. */
  object: Resource;
  /** `object` as JSON, serialised once; parsed lazily where that pays. */
  bytes: Buffer;
  revision: bigint;
  /** As with Stored; only for what was read from the store just now. */
  stale?: boolean;
}

/** A value in the store that no key opens. */
export interface Unreadable {
  key: string;
  revision: bigint;
  fault: Error;
  /** What watchers have last been told of it. */
  before: Entry | undefined;
}

export interface WorldEvent {
  type: 'PUT' | 'DELETE';
  /** The object after the change; for DELETE, its last state with the deletion's revision as resourceVersion. */
  entry: Entry;
  /** The object before the change, when there was one. */
  before: Entry | undefined;
  revision: bigint;
}

/** A position beyond the window, or one that the world has never reached. */
export class ExpiredPosition extends Error {
  override readonly name = 'ExpiredPosition';
}

export interface Subscription {
  /** Stops delivery. */
  close(): void;
}

export interface World {
  /** Everything up to this revision is here. */
  readonly revision: bigint;
  /** The oldest revision that a subscription to these prefixes may go on after. */
  oldestOf(prefixes: readonly string[]): bigint;
  get(key: string): Entry | undefined;
  /** Entries under a prefix that ends with '/', in key order. Read it to its end in one turn: the world goes on. */
  list(prefix: string): Iterable<Entry>;
  count(prefix: string): number;
  /** A value at this key, or under this prefix that ends with '/', which is there and cannot be read: `get` and `list` leave it out. */
  unreadable(place: string): Unreadable | undefined;
  /** Resolves when `revision` is here; rejects with UnavailableError after `timeoutMs` (default 3 s). */
  waitFor(revision: bigint, timeoutMs?: number): Promise<void>;
  /** The latest revision of the store itself, awaited here: a read after it is linearizable. */
  sync(): Promise<bigint>;
  /**
   * Delivers all events after revision `after` (throws ExpiredPosition when they are no longer kept), synchronously and in order: `onEvents` gets
   * each batch narrowed to `prefixes` (each ends with '/'), even when empty, with the revision it reaches; what was missed comes before this returns. `onLost` is called once when the world had to
   * be listed anew, after which nothing is delivered.
   */
  subscribe(
    prefixes: readonly string[],
    after: bigint,
    handlers: { onEvents(events: readonly WorldEvent[], revision: bigint): void; onLost(error: Error): void },
  ): Subscription;
  /**
   * Gives the world the entry of a write just made, so that the watch need not parse it again. Returns the entry to answer with: the world's own, if the
   * watch was faster.
   */
  adopt(entry: Entry): Entry;
}

export type { UnavailableError };
