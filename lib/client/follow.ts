/** A watch that ends only because we said so: it goes on after the last revision, or lists again when that is gone. */
import type { Env } from '#lib/env/env.ts';
import { backoffMs } from '#lib/meta/backoff.ts';
import { ApiError, isReason } from '#lib/meta/errors.ts';
import type { Client, WatchBatch, WatchTarget } from './types.ts';

export interface Follower {
  /** What comes next is a state from its beginning, up to the batch that is `synced`. */
  restart(): unknown;
  apply(batch: WatchBatch): unknown;
}

export interface FollowOptions {
  env: Env;
  signal: AbortSignal;
  batchMs?: number;
  /** Hears that a kind among the targets is not served, as long as it is not. */
  onUnserved?(): void;
}

const pauses = { firstMs: 50, maxMs: 5000 };

/** The server sends a batch each 10 s at least; a stream silent for much longer is dead, whatever the connection says. */
const silenceMs = 35_000;

/** One server may lag behind another by so much. What is behind for longer has lost what it knew, such as a store that was restored from a copy. */
const behindMs = 10_000;

/**
 * Feeds `follower` until aborted; resolves then. It is never led back in time: a state that is older than what it has is waited out, and if the API stays behind, this rejects. What
 * was known then may never have been, in many places, and the process should start anew. Faults of the follower itself reject too.
 */
export async function follow(
  client: Pick<Client, 'watch'>,
  targets: readonly WatchTarget[],
  follower: Follower,
  { env, signal, batchMs = 0, onUnserved }: FollowOptions,
): Promise<void> {
  let after: bigint | undefined;
  let reached = 0n;
  let behindSince: number | undefined;
  let failures = 0;
  while (!signal.aborted) {
    const guard = guardSilence(env);
    try {
      if (after === undefined) follower.restart();
      let synced = after !== undefined;
      const options = {
        batchMs,
        signal: AbortSignal.any([signal, guard.signal]),
        ...(after !== undefined && { after }),
      };
      for await (const batch of client.watch(targets, options)) {
        guard.heard();
        if (batch.revision < reached) {
          behindSince ??= env.monotonic();
          throw behind(batch.revision, reached, env.monotonic() - behindSince);
        }
        behindSince = undefined;
        reached = batch.revision;
        failures = 0;
        follower.apply(batch);
        synced ||= batch.synced;
        // A state that broke off before its end is no place to go on from.
        if (synced) after = batch.revision;
      }
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof ApiError)) throw error;
      if (isReason(error, 'Expired', 'Gone')) after = undefined;
      if (isReason(error, 'NotFound')) onUnserved?.();
      env.log.warn('Watch ended, trying again', { kinds: targets.map(({ kind }) => kind.plural).join(), after, error });
    } finally {
      guard.stop();
    }
    failures++;
    await env.sleep(backoffMs(failures, pauses, env.random()), signal).catch(() => {});
  }
}

function behind(revision: bigint, reached: bigint, sinceMs: number): Error {
  const said = `the API is at revision ${revision}, and was at ${reached} before`;
  return sinceMs < behindMs
    ? new ApiError('ServiceUnavailable', `Cannot go on watching: ${said}`)
    : new Error(`Cannot go on: ${said}; the process must start anew`);
}

function guardSilence(env: Env) {
  const controller = new AbortController();
  const giveUp = () =>
    controller.abort(new ApiError('ServiceUnavailable', `Cannot go on watching: nothing came for ${silenceMs} ms`));
  let cancel = env.after(silenceMs, giveUp);
  return {
    signal: controller.signal,
    heard() {
      cancel();
      cancel = env.after(silenceMs, giveUp);
    },
    stop: () => cancel(),
  };
}
