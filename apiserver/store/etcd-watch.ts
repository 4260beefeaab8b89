/**
 * One watch over etcd that goes on until we say so: whatever happens to the connection, it is taken up after the last revision that was
 * delivered whole.
 */
import { Client, Metadata, credentials } from '@grpc/grpc-js';
import type { ClientDuplexStream } from '@grpc/grpc-js';
import type { Env } from '#lib/env/env.ts';
import { backoffMs } from '#lib/meta/backoff.ts';
import { channelOptionsFor } from './etcd-calls.ts';
import { decodeWatchMessage, encodeWatchRequest, makeAssembler } from './etcd-watch-messages.ts';
import type { WatchMessage } from './etcd-watch-messages.ts';
import type { TlsMaterial } from './etcd-tls.ts';
import { CompactedError, UnavailableError } from './types.ts';
import type { StoreBatch } from './types.ts';

export interface WatchConnection {
  endpoints: readonly string[];
  tls: TlsMaterial | undefined;
  env: Env;
  /** The newest revision that other calls have seen: a stream that stays behind it is dead. */
  newest(): bigint;
  /** Asks for the latest revision. */
  latest(): Promise<bigint>;
}

type Stream = ClientDuplexStream<bigint, WatchMessage>;

/** A stream that is silent for this long, while other calls have seen newer revisions, is given up. */
const silenceMs = 5000;

const pauses = { firstMs: 20, maxMs: 1000 };

/** See Store.watch. */
export async function* watchEtcd(
  connection: WatchConnection,
  prefix: string,
  after: bigint,
  signal: AbortSignal,
): AsyncIterable<StoreBatch> {
  const { env } = connection;
  let reached = after;
  for (let failures = 0; ;) {
    signal.throwIfAborted();
    try {
      for await (const batch of readOnce(connection, failures, reached, signal)) {
        failures = 0;
        reached = batch.revision;
        yield { events: batch.events.filter((event) => event.key.startsWith(prefix)), revision: reached };
      }
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof CompactedError) throw error;
      env.log.warn('Watch of etcd ended, going on', { after: reached, error });
    }
    failures++;
    await env.sleep(backoffMs(failures, pauses, env.random()), signal);
  }
}

/** Reads one stream until it breaks. A further failure turns to the next endpoint. */
async function* readOnce(
  connection: WatchConnection,
  failures: number,
  after: bigint,
  signal: AbortSignal,
): AsyncIterable<StoreBatch> {
  const endpoint = connection.endpoints[failures % connection.endpoints.length]!;
  const address = endpoint.replace(/^https?:\/\//, '');
  const client = new Client(address, credentialsFor(connection.tls), channelOptionsFor([endpoint]));
  const stream = open(client);
  const cancel = () => stream.cancel();
  signal.addEventListener('abort', cancel, { once: true });
  try {
    stream.write(after + 1n);
    const assemble = makeAssembler(after);
    let reached = after;
    for await (const message of alive(stream, connection, () => reached)) {
      await check(message, after, connection);
      const batch = assemble(message);
      if (!batch) continue;
      reached = batch.revision;
      yield batch;
    }
  } finally {
    signal.removeEventListener('abort', cancel);
    // What comes of a stream that we gave up is of no interest, but an unheard error would end the process.
    stream.on('error', () => {});
    stream.cancel();
    client.close();
  }
}

function open(client: Client): Stream {
  const metadata = new Metadata();
  // A member that lost its leader ends the stream instead of falling silent.
  metadata.set('hasleader', 'true');
  return client.makeBidiStreamRequest('/etcdserverpb.Watch/Watch', encodeWatchRequest, decodeWatchMessage, metadata);
}

function credentialsFor(tls: TlsMaterial | undefined) {
  return tls ? credentials.createSsl(tls.ca, tls.key ?? null, tls.cert ?? null) : credentials.createInsecure();
}

/** The stream's messages; fails when it falls silent although there is news. Time the consumer takes does not count. */
async function* alive(
  stream: Stream,
  { env, newest }: WatchConnection,
  reached: () => bigint,
): AsyncIterable<WatchMessage> {
  const messages = stream[Symbol.asyncIterator]() as AsyncIterator<WatchMessage>;
  for (;;) {
    const guard = guardSilence(
      env,
      () => newest() > reached(),
      () =>
        stream.destroy(new UnavailableError(`Cannot watch etcd: no news for ${silenceMs} ms while there are changes`)),
    );
    const next = await messages.next().finally(guard);
    if (next.done) throw new UnavailableError('Cannot watch etcd: it ended the stream');
    yield next.value;
  }
}

/** Calls `giveUp` when `isBehind` holds over a whole period of silence. Returns the way to stop. */
function guardSilence(env: Env, isBehind: () => boolean, giveUp: () => void): () => void {
  let cancel = () => {};
  const arm = (wasBehind: boolean) => {
    cancel = env.after(silenceMs, () => {
      const behind = isBehind();
      if (behind && wasBehind) giveUp();
      else arm(behind);
    });
  };
  arm(isBehind());
  return () => cancel();
}

/** Finds out when etcd cannot serve this watch from here on. */
async function check(message: WatchMessage, after: bigint, { latest }: WatchConnection): Promise<void> {
  if (message.canceled) {
    if (message.compacted) throw new CompactedError(`Cannot watch after revision ${after}: compacted`);
    throw new UnavailableError(`Cannot watch etcd: ${message.cancelReason}`);
  }
  // A member may lag; but when the whole store has gone back, from a backup, our position will never come.
  if (message.created && message.revision < after && (await latest()) < after)
    throw new CompactedError(`Cannot watch after revision ${after}: the store has never reached it`);
}
