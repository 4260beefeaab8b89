/**
 * What the API server needs of a database: one ordered key space under `/registry/`, compare-and-put by revision, and one watch
 * over everything. etcd fulfils it for real, memory for tests; both pass `contract.ts`.
 */

/** One key's value at one revision. */
export interface Stored {
  key: string;
  value: Buffer;
  /** The revision of the write that made this value. */
  revision: bigint;
  /** Why the value cannot be read, when it is kept encrypted and no key opens it; `value` is empty then. */
  fault?: Error;
  /** It is kept in another form than it would be written in now, such as under an older key: worth writing again. */
  stale?: boolean;
}

export interface StoreEvent {
  type: 'PUT' | 'DELETE';
  key: string;
  /** The value after a PUT; empty for DELETE. */
  value: Buffer;
  /** The revision of this change. */
  revision: bigint;
  /** As with Stored. */
  fault?: Error;
}

/** Changes in order. `revision`: everything up to it has been delivered, by this batch or earlier ones (progress without events counts). */
export interface StoreBatch {
  events: StoreEvent[];
  revision: bigint;
}

export interface ListPage {
  items: Stored[];
  /** The revision the page is of. */
  revision: bigint;
  /** Whether keys remain after the page, and how many. */
  more: boolean;
  remaining: number;
}

/** The outcome of a conditional write: done at a revision, or refused because the key is now `current` (undefined: absent). */
export type WriteOutcome = { ok: true; revision: bigint } | { ok: false; current: Stored | undefined };

/** `revision` was compacted; the caller lists again. */
export class CompactedError extends Error {
  override readonly name = 'CompactedError';
}

/** The store cannot be reached, or did not answer in time; a write's outcome was found to be undecidable. */
export class UnavailableError extends Error {
  override readonly name = 'UnavailableError';
}

export interface Store {
  get(key: string): Promise<Stored | undefined>;
  /** Keys with this prefix in byte order, from `after` (exclusive), at `revision` (latest when absent). Rejects with CompactedError. */
  list(prefix: string, options?: { limit?: number; after?: string; revision?: bigint }): Promise<ListPage>;
  /** Writes if the key's revision is still `expected`; 0n expects no such key. `ttlSeconds` lets the key expire, in steps of about a minute. */
  put(key: string, value: Buffer, expected: bigint, ttlSeconds?: number): Promise<WriteOutcome>;
  delete(key: string, expected: bigint): Promise<WriteOutcome>;
  /** All changes after revision `after`, in order, without gaps, however often the connection breaks. Ends by throwing: CompactedError, or the signal's reason. */
  watch(prefix: string, after: bigint, signal: AbortSignal): AsyncIterable<StoreBatch>;
  /** The latest revision. */
  revision(): Promise<bigint>;
  /** What the database takes, in bytes, with what it has freed and not yet given back. Asks once. */
  sizeBytes(): Promise<number>;
  close(): Promise<void>;
}
