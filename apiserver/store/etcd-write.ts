/**
 * Conditional writes over a connection that may break after the request left: then it is unknown whether the write happened, and the key's own
 * history has to tell.
 */
import type { Env } from '#lib/env/env.ts';
import { backoffMs } from '#lib/meta/backoff.ts';
import { CompactedError, UnavailableError } from './types.ts';
import type { Stored, WriteOutcome } from './types.ts';

export interface ConditionalWrite {
  key: string;
  /** Undefined deletes. */
  value: Buffer | undefined;
  /** 0n for no such key. */
  expected: bigint;
}

/** A key as etcd keeps it: `created` is the revision at which its present life began. */
export interface Kept extends Stored {
  created: bigint;
}

/** What a transaction answered: done, or refused with the key's state, both at `revision`. */
export interface Answer {
  done: boolean;
  current: Kept | undefined;
  revision: bigint;
}

/** One attempt each; failures reject with whatever `sortOf` understands. */
export interface Attempts {
  write(write: ConditionalWrite): Promise<Answer>;
  /** The key's state at a revision, the latest when undefined; retries by itself. Rejects with CompactedError and UnavailableError. */
  read(key: string, revision?: bigint): Promise<{ current: Kept | undefined; revision: bigint }>;
  /** `unsent`: the request never left. `unknown`: it may have been carried out. `refused`: it was not, and will not be. */
  sortOf(error: unknown): 'unsent' | 'unknown' | 'refused';
}

/** How long a write is tried for in all. */
const patienceMs = 10_000;

const pauses = { firstMs: 50, maxMs: 500 };

const noAnswer = 'the store does not answer';

/** Carries a conditional write out and says what became of it. Rejects with UnavailableError when that cannot be found out. */
export async function writeConditionally(write: ConditionalWrite, attempts: Attempts, env: Env): Promise<WriteOutcome> {
  const giveUp = env.monotonic() + patienceMs;
  let maybeDone = false;
  for (let failures = 1; ; failures++) {
    try {
      const answer = await attempts.write(write);
      if (answer.done) return { ok: true, revision: answer.revision };
      return maybeDone ? await settle(write, answer, attempts) : { ok: false, current: answer.current };
    } catch (error) {
      const sort = attempts.sortOf(error);
      if (sort === 'refused') throw error;
      if (sort === 'unknown') maybeDone = true;
      if (env.monotonic() > giveUp) throw maybeDone ? unavailable(write, noAnswer, error) : notWritten(write, error);
      // A creation cannot simply be repeated: if it happened, and the key was deleted since, it would come back to life.
      if (maybeDone && write.expected === 0n) return settleCreation(write, attempts, error);
    }
    await env.sleep(backoffMs(failures, pauses, env.random()));
  }
}

async function settleCreation(write: ConditionalWrite, attempts: Attempts, cause: unknown): Promise<WriteOutcome> {
  const { current } = await attempts.read(write.key);
  if (!current) throw unavailable(write, 'the connection broke, and the key is not there (yet, or any more)', cause);
  const first = await orUnavailable(write, attempts.read(write.key, current.created));
  if (isOurs(write, first.current)) return { ok: true, revision: current.created };
  throw unavailable(write, 'the connection broke, and the key is now another one', cause);
}

/** Finds whether the first change after `expected` was ours. */
async function settle(write: ConditionalWrite, now: Answer, attempts: Attempts): Promise<WriteOutcome> {
  const { current } = now;
  if (current && isOurs(write, current)) return { ok: true, revision: current.revision };
  const first = await orUnavailable(write, firstChange(write, now, attempts));
  return isOurs(write, first.state) ? { ok: true, revision: first.revision } : { ok: false, current };
}

interface Change {
  state: Kept | undefined;
  revision: bigint;
}

/** Revisions of a key never come back, so "still as expected" holds up to one revision and for none after it. */
async function firstChange({ key, expected }: ConditionalWrite, now: Answer, attempts: Attempts): Promise<Change> {
  let before = expected;
  let change: Change = { state: now.current, revision: now.revision };
  while (change.revision - before > 1n) {
    const middle = (before + change.revision) / 2n;
    const { current } = await attempts.read(key, middle);
    if (current?.revision === expected) before = middle;
    else change = { state: current, revision: middle };
  }
  return change;
}

async function orUnavailable<T>(write: ConditionalWrite, reading: Promise<T>): Promise<T> {
  try {
    return await reading;
  } catch (error) {
    if (!(error instanceof CompactedError)) throw error;
    throw unavailable(write, 'the connection broke, and the history that would tell is compacted', error);
  }
}

function isOurs(write: ConditionalWrite, state: Kept | undefined): boolean {
  if (write.value === undefined || state === undefined) return write.value === state?.value;
  return state.value.equals(write.value) && state.revision > write.expected;
}

function notWritten({ key, value }: ConditionalWrite, cause: unknown): UnavailableError {
  return new UnavailableError(`Cannot ${value ? 'write' : 'delete'} "${key}": ${noAnswer}`, { cause });
}

function unavailable({ key, value }: ConditionalWrite, because: string, cause: unknown): UnavailableError {
  return new UnavailableError(`Cannot tell whether "${key}" was ${value ? 'written' : 'deleted'}: ${because}`, {
    cause,
  });
}
