/**
 * The work queue shared by several processes through Redis, on BullMQ. One job per key at a time: BullMQ's deduplication with
 * `keepLastIfActive` is the only one of its modes that loses no wakeup, given that finished jobs leave nothing behind.
 *
 * Redis holds nothing that cannot be found again: after every connection all keys are added anew, and delays live in the process
 * that asked for them.
 */
import { Queue, Worker } from 'bullmq';
import type { BulkJobOptions, Job as BullJob } from 'bullmq';
import { Redis } from 'ioredis';
import type { Env } from '#lib/env/env.ts';
import { makeKeyBackoff } from './backoff.ts';
import { makeDelays } from './delays.ts';
import type { Job, WorkQueue } from './types.ts';

export interface RedisQueues {
  /**
   * Opens the queue of this name. `revision` tells how far this process has seen the world; `resync` must add all keys, and is
   * called whenever Redis may have lost some and, as another process may die with delays of its own, every `resyncMs`.
   */
  open(name: string, source: { revision(): bigint; resync(): void }): WorkQueue;
  /** Ends the connection; queues must be stopped before. */
  close(): void;
}

export interface RedisOptions {
  /** `redis://host:port`. */
  url: string;
  /** Separates clusters that share one Redis. */
  prefix?: string;
  resyncMs?: number;
  /** How long a key stays with a worker that has died. */
  lockMs?: number;
}

/** Jobs sent in one call. */
const sendAtOnce = 500;
/** How long the revision of a key's last write is remembered; no live view lags this far behind. */
const rememberMs = 600_000;

interface Data {
  key: string;
  /** Decimal; the revision that the adder had seen. */
  revision: string;
}

/** Connects to Redis. It may be away, now or later: queues then wait, and resync once it is back. */
export function connectRedisQueues(options: RedisOptions, env: Env): RedisQueues {
  const prefix = options.prefix ?? 'wherry';
  const connection = new Redis(options.url, {
    maxRetriesPerRequest: null,
    retryStrategy: (times) => Math.min(times * 50, 1000),
  });
  const log = env.log.with({ redis: new URL(options.url).host });
  connection.on('error', (error) => log.warn('Redis connection failed, trying again', { error }));
  return {
    open: (name, source) => openQueue({ name, prefix, connection, source, options }, { ...env, log }),
    close: () => connection.disconnect(),
  };
}

interface Setup {
  name: string;
  prefix: string;
  connection: Redis;
  source: { revision(): bigint; resync(): void };
  options: RedisOptions;
}

function openQueue({ name, prefix, connection, source, options }: Setup, env: Env): WorkQueue {
  const lockMs = options.lockMs ?? 6000;
  const queue = new Queue<Data>(name, { connection, prefix });
  const backoff = makeKeyBackoff();
  const stopping = new AbortController();
  const unsent = new Set<string>();
  const revisionKey = (key: string) => `${prefix}:${name}:wrote:${key}`;
  const onError = (error: Error) => env.log.warn('Queue trouble', { queue: name, error });
  let worker: Worker<Data> | undefined;
  let sending = false;

  queue.on('error', onError);
  const onReady = () => source.resync();
  connection.on('ready', onReady);
  let cancelResync = () => {};
  const resyncLater = () => {
    cancelResync = env.after(options.resyncMs ?? 60_000, () => {
      source.resync();
      resyncLater();
    });
  };
  resyncLater();

  function add(key: string): void {
    // While Redis is away keys need not be kept: all are added again when it is back.
    if (stopping.signal.aborted || connection.status !== 'ready') return;
    unsent.add(key);
    if (sending) return;
    sending = true;
    queueMicrotask(() => void send());
  }

  async function send(): Promise<void> {
    while (unsent.size > 0) {
      const keys = [...unsent].slice(0, sendAtOnce);
      for (const key of keys) unsent.delete(key);
      const revision = String(source.revision());
      try {
        await queue.addBulk(keys.map((key) => ({ name: 'key', data: { key, revision }, opts: jobOptions(key) })));
      } catch (error) {
        env.log.warn('Cannot add keys: Redis refused', { queue: name, keys: keys.length, error });
        for (const key of keys) delays.add(key, backoff.next(key));
      }
    }
    sending = false;
  }

  async function take(job: BullJob<Data>, process: (job: Job) => Promise<void>): Promise<void> {
    const { key } = job.data;
    let wrote = 0n;
    const before = BigInt((await connection.get(revisionKey(key))) ?? 0);
    const added = BigInt(job.data.revision);
    try {
      await process({
        key,
        signal: stopping.signal,
        after: before > added ? before : added,
        wrote: (revision) => (wrote = revision),
      });
      backoff.forget(key);
    } catch {
      // The processor has already told of its failure; here it only means to try again later.
      delays.add(key, backoff.next(key));
    }
    if (wrote > 0n) await connection.set(revisionKey(key), String(wrote), 'PX', rememberMs);
  }

  const delays = makeDelays(env, add);
  return {
    add,
    addAfter: (key, delayMs) => void (stopping.signal.aborted || delays.add(key, delayMs)),
    run(workers, process) {
      worker = new Worker<Data>(name, (job) => take(job, process), {
        connection,
        prefix,
        concurrency: workers,
        lockDuration: lockMs,
        stalledInterval: lockMs / 2,
        maxStalledCount: Number.MAX_SAFE_INTEGER,
        runRetryDelay: 500,
        removeOnComplete: { count: 0 },
        removeOnFail: { count: 0 },
      });
      worker.on('error', onError);
    },
    length: () => unsent.size,
    async stop() {
      stopping.abort(new Error('The work queue stops'));
      cancelResync();
      delays.clear();
      connection.off('ready', onReady);
      await worker?.close();
      await queue.close();
    },
  };
}

function jobOptions(key: string): BulkJobOptions {
  return {
    deduplication: { id: key, keepLastIfActive: true, reschedule: true },
    removeOnComplete: true,
    removeOnFail: true,
  };
}
