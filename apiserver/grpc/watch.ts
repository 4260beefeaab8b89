/** A Watch call: the verbs' changes, through an outbox, onto the stream. */
import { status } from '@grpc/grpc-js';
import type { ServerWritableStream } from '@grpc/grpc-js';
import type { Env } from '#lib/env/env.ts';
import { toServiceError } from '#lib/client/grpc-status.ts';
import { ApiError, badRequest, expired, isReason } from '#lib/meta/errors.ts';
import type { WatchRequest } from '#protos/gen/cluster.ts';
import type { Caller, Verbs, WatchHandlers } from '../verbs/types.ts';
import { makeOutbox } from './outbox.ts';
import type { Batch } from './watch-messages.ts';
import { kindOf } from './write.ts';
import type { KindAt } from './write.ts';

export type WatchCall = ServerWritableStream<WatchRequest, Buffer>;

/** Bytes handed to the connection that it has not taken yet; beyond this the watcher counts as not reading. */
const unsentBytes = 1024 * 1024;

export interface WatchParts {
  verbs: Verbs;
  kindAt: KindAt;
  env: Env;
  encode(batch: Batch): Buffer;
}

/** Serves the call until it is cancelled, lags, or its position is lost. */
export async function serveWatch(call: WatchCall, caller: Caller, { verbs, kindAt, env, encode }: WatchParts) {
  const { targets, after, batchMs } = call.request;
  let unsent = 0;
  const mayWrite = () => unsent < unsentBytes && !call.writableNeedDrain;
  const outbox = makeOutbox({
    env,
    batchMs,
    send(batch) {
      const message = encode(batch);
      unsent += message.length;
      call.write(message, () => {
        unsent -= message.length;
        if (mayWrite()) outbox.resume();
      });
      return mayWrite();
    },
    onLagging: () => end({ code: status.ABORTED, details: 'the watcher is too slow: go on from its last revision' }),
  });
  let subscription: { close(): void } | undefined;
  let over = false;
  const close = () => {
    over = true;
    outbox.stop();
    subscription?.close();
  };
  const end = (failure: { code: number; details: string }) => {
    close();
    call.emit('error', failure);
  };
  call.on('drain', () => mayWrite() && outbox.resume());
  call.on('cancelled', close);
  const handlers: WatchHandlers = {
    onChanges: outbox.add,
    onEnd: (error) => end(toServiceError(error)),
  };
  try {
    const wanted = targets.map(({ target, labelSelector, fieldSelector }) => ({
      kind: kindOf(kindAt, target),
      namespace: target?.namespace ?? '',
      labelSelector,
      fieldSelector,
    }));
    subscription = await verbs.watch(caller, wanted, positionOf(after), handlers);
    if (over) subscription.close();
  } catch (error) {
    close();
    // A revision that even the store has not reached comes from before a restoration: only a new list helps.
    throw isReason(error, 'Timeout') ? expired(error.message) : error;
  }
}

function positionOf(after: string): bigint | undefined {
  if (after === '') return undefined;
  if (!/^\d{1,19}$/.test(after)) throw badRequest(`Invalid value: ${JSON.stringify(after)}: not a revision`);
  return BigInt(after);
}

/** Tells a watcher that the server goes away; it will come back to the next one. */
export function endForShutdown(call: WatchCall): void {
  call.emit('error', toServiceError(new ApiError('ServiceUnavailable', 'the server is stopping')));
}
