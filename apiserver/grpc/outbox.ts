/**
 * What waits to be sent to one watcher. Changes are gathered per tick, sent in messages of bounded size, and held back while the watcher does
 * not read; one that stays behind for too long is given up.
 */
import type { Env } from '#lib/env/env.ts';
import type { WatchChange } from '../verbs/types.ts';
import type { Batch } from './watch-messages.ts';

export interface OutboxBounds {
  /** Changes, and their JSON, that may wait, on top of what the watcher began with. */
  changes: number;
  sizeBytes: number;
  /** JSON in one message, unless a single object is larger. */
  messageBytes: number;
}

const outboxBounds: OutboxBounds = { changes: 10_000, sizeBytes: 16 * 1024 * 1024, messageBytes: 1024 * 1024 };

/**
 * A revision that came without changes is told a little later, in case others follow: someone may wait for it, but few do. While such revisions keep
 * coming, they are told at growing distances, up to `maxMs`.
 */
const progress = { firstMs: 10, maxMs: 250 };

/** Something is sent at least this often, so that a watcher knows that it is not forgotten. */
const heartbeatMs = 10_000;

export interface Outbox {
  add(changes: readonly WatchChange[], revision: bigint, synced: boolean): void;
  /** The watcher has read: more can be sent. */
  resume(): void;
  stop(): void;
}

export interface OutboxOptions {
  env: Env;
  /** At most one message per this time; 0 for at once. */
  batchMs: number;
  /** Sends; false means that nothing more may be sent before resume(). */
  send(batch: Batch): boolean;
  /** The watcher lags too far behind. Called once, after which nothing is sent. */
  onLagging(): void;
  bounds?: OutboxBounds;
}

export function makeOutbox({ env, batchMs, send, onLagging, bounds = outboxBounds }: OutboxOptions): Outbox {
  let waiting: WatchChange[] = [];
  let waitingBytes = 0;
  let reached = 0n;
  let sent = 0n;
  /** The initial state while it is being sent: how many of those who wait are of it, and its revision. */
  let state: { left: number; revision: bigint } | undefined;
  let allowance: { changes: number; sizeBytes: number } | undefined;
  let blocked = false;
  let stopped = false;
  let idle = false;
  let progressGapMs = progress.firstMs;
  let progressAt = -Infinity;
  let sentAt = -Infinity;
  let flushAt: { ms: number; cancel: () => void } | undefined;

  /** The changes of the next message: none of what follows the initial state together with it. */
  const take = (): WatchChange[] => {
    const limit = state?.left ?? waiting.length;
    let size = 0;
    let count = 0;
    while (count < limit && (count === 0 || size + waiting[count]!.entry.bytes.length <= bounds.messageBytes)) {
      size += waiting[count++]!.entry.bytes.length;
    }
    const taken = waiting.slice(0, count);
    waiting = waiting.slice(count);
    waitingBytes -= size;
    return taken;
  };
  const sendOne = () => {
    const changes = take();
    idle = false;
    sentAt = env.monotonic();
    if (state) {
      state.left -= changes.length;
      const { left, revision } = state;
      if (left === 0) state = undefined;
      // Until the state is complete, no revision is.
      sent = left === 0 ? revision : 0n;
      blocked = !send({ changes, revision: sent, synced: left === 0 });
      return;
    }
    // What precedes the next change is complete, even if the last ones sent share its revision.
    sent = waiting[0] ? maximum(sent, waiting[0].entry.revision - 1n) : reached;
    spaceProgress(changes.length === 0);
    blocked = !send({ changes, revision: sent, synced: false });
  };
  const spaceProgress = (isProgress: boolean) => {
    const now = env.monotonic();
    const again = isProgress && now - progressAt <= progress.maxMs;
    progressGapMs = again ? Math.min(progressGapMs * 2, progress.maxMs) : progress.firstMs;
    if (isProgress) progressAt = now;
  };
  /** Milliseconds until the next message may go: none after a pause, so that batches cost a lone change no time. */
  const untilNext = () => sentAt + batchMs - env.monotonic();
  const untilProgress = () => Math.max(progress.firstMs, untilNext(), progressAt + progressGapMs - env.monotonic());
  const canSend = () => !stopped && !blocked && (waiting.length > 0 || state !== undefined || reached > sent);
  const flush = () => {
    flushAt?.cancel();
    flushAt = undefined;
    while (canSend()) sendOne();
  };
  const flushIn = (ms: number) => {
    const due = env.monotonic() + ms;
    if (flushAt && flushAt.ms <= due) return;
    flushAt?.cancel();
    flushAt = { ms: due, cancel: env.after(ms, flush) };
  };
  const beat = () => {
    if (idle && !blocked) sendOne();
    idle = true;
    cancelBeat = env.after(heartbeatMs, beat);
  };
  let cancelBeat = env.after(heartbeatMs, beat);
  const stop = () => {
    stopped = true;
    waiting = [];
    cancelBeat();
    flushAt?.cancel();
  };

  return {
    add(changes, revision, synced) {
      if (stopped) return;
      const size = changes.reduce((sum, change) => sum + change.entry.bytes.length, 0);
      waiting = waiting.length === 0 ? [...changes] : waiting.concat(changes);
      waitingBytes += size;
      reached = revision;
      if (synced) state = { left: changes.length, revision };
      // What comes first, the state or what was missed, waits for as long as it takes to read it.
      allowance ??= { changes: bounds.changes + changes.length, sizeBytes: bounds.sizeBytes + size };
      if (changes.length === 0 && !synced) flushIn(untilProgress());
      else if (synced || untilNext() <= 0) flush();
      else flushIn(untilNext());
      if (waiting.length <= allowance.changes && waitingBytes <= allowance.sizeBytes) return;
      stop();
      onLagging();
    },
    resume() {
      blocked = false;
      if (batchMs === 0 || !flushAt) flush();
    },
    stop,
  };
}

function maximum(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
