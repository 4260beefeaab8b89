/** Port forwarding: SPDY streams in pairs of data and error, raw or inside a WebSocket; and the older pairs of WebSocket channels. */
import { Duplex, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ClientDuplexStream } from '@grpc/grpc-js';
import type { WebSocket } from 'ws';
import type { Env } from '#lib/env/env.ts';
import { badRequest } from '#lib/meta/errors.ts';
import { goQuote } from '#lib/meta/go-text.ts';
import type { Chunk, PodRef, PortInput } from '#protos/gen/node.ts';
import { openChannels } from './channels.ts';
import { nodeFailure } from './node-connection.ts';
import type { NodeCalls } from './node-connection.ts';
import { serveSpdy } from './spdy/connection.ts';
import type { SpdyStream } from './spdy/connection.ts';

/** What the client may reach. */
export interface ForwardTarget {
  pod: PodRef;
  calls: NodeCalls;
  env: Env;
}

/** A client opens both streams of a pair within this time. */
const pairLimitMs = 30_000;

/** Serves `portforward.k8s.io` until the client leaves. */
export async function forwardSpdy(transport: Duplex, target: ForwardTarget): Promise<void> {
  const pairs = new Map<string, { streams: Map<string, SpdyStream>; cancel: () => void }>();
  const { env } = target;
  const connection = serveSpdy(transport, env, (stream) => {
    const id = stream.headers.get('requestid') ?? stream.headers.get('port') ?? '';
    const type = stream.headers.get('streamtype') ?? '';
    const port = Number(stream.headers.get('port'));
    const pair = pairs.get(id) ?? { streams: new Map<string, SpdyStream>(), cancel: () => {} };
    const isRight = (type === 'data' || type === 'error') && !pair.streams.has(type) && isPort(port);
    if (!isRight) {
      env.log.debug('A port-forwarding client opened a stream that fits no pair', { type, port });
      stream.destroy();
      return;
    }
    if (!pairs.has(id)) {
      pairs.set(id, pair);
      pair.cancel = env.after(pairLimitMs, () => {
        pairs.delete(id);
        for (const lonely of pair.streams.values()) lonely.destroy();
      });
    }
    pair.streams.set(type, stream);
    const [data, error] = [pair.streams.get('data'), pair.streams.get('error')];
    if (!data || !error) return;
    pair.cancel();
    pairs.delete(id);
    // The client has nothing to say on it; reading lets it close.
    error.resume();
    void forward(data, port, target).then((problem) => {
      if (!error.destroyed) error.end(problem);
    });
  });
  await new Promise<void>((resolve) => {
    if (connection.over.aborted) resolve();
    else connection.over.addEventListener('abort', () => resolve(), { once: true });
  });
  for (const { cancel } of pairs.values()) cancel();
}

/** Serves the channels 2i and 2i+1 for the i-th port, each opened by the port's number, until the client leaves. */
export async function forwardChannels(
  webSocket: WebSocket,
  ports: readonly number[],
  base64: boolean,
  target: ForwardTarget,
): Promise<void> {
  const channels = openChannels(webSocket, { base64, canClose: false });
  const forwards = ports.map(async (port, index) => {
    const [dataChannel, errorChannel] = [2 * index, 2 * index + 1];
    const number = Buffer.alloc(2);
    number.writeUInt16LE(port);
    channels.announce(dataChannel, number);
    channels.announce(errorChannel, number);
    const data = channels.duplex(dataChannel);
    channels.over.addEventListener('abort', () => data.destroy(), { once: true });
    const problem = await forward(data, port, target);
    if (problem !== '' && !channels.over.aborted) channels.announce(errorChannel, Buffer.from(problem));
  });
  await Promise.all(forwards);
  await channels.close();
}

/** Each port takes two channels, which a byte tells apart. */
const mostPorts = 128;

/** The ports in a query. Throws BadRequest when there are none, too many, or some are no ports. */
export function portsOf(query: URLSearchParams): number[] {
  const texts = query.getAll('ports').flatMap((text) => text.split(','));
  if (texts.length === 0) throw badRequest('query parameter "ports" is required');
  if (texts.length > mostPorts) throw badRequest(`query parameter "ports" has more than ${mostPorts} ports`);
  return texts.map((text) => {
    const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
    if (!isPort(port)) throw badRequest(`query parameter "ports" has an invalid port ${goQuote(text)}`);
    return port;
  });
}

/**
 * Carries one connection until the pod's side has ended it; resolves to what went wrong there, or ''. A client that goes away is no
 * failure: kubectl resets its stream when it has all it wanted.
 */
async function forward(client: Duplex, port: number, { pod, calls }: ForwardTarget): Promise<string> {
  const remote = connectionTo(calls.portForward());
  remote.stream.write({ start: { pod, port } });
  const outward = pipeline(client, asMessages(), remote.stream);
  // It fails together with the other direction, which tells more.
  outward.catch(() => {});
  try {
    await pipeline(remote.stream, client);
    // What the client still sends goes nowhere, but must not stop the other streams of its connection.
    client.resume();
    return '';
  } catch {
    client.destroy();
    const failure = remote.failure();
    if (!failure) return '';
    return `error forwarding port ${port} to pod ${pod.name}, uid ${pod.uid}: ${nodeFailure(failure).message}`;
  } finally {
    remote.stream.destroy();
  }
}

/** A transform, as a loop over the client's stream would close its other direction at the end. */
function asMessages(): Transform {
  return new Transform({
    readableObjectMode: true,
    transform: (data: Buffer, _encoding, done) => done(null, { data } satisfies PortInput),
  });
}

/** A call as a stream: messages go in, bytes come out; the end of what goes in is told as `closed`, so that the other half may go on. */
function connectionTo(call: ClientDuplexStream<PortInput, Chunk>): { stream: Duplex; failure(): Error | undefined } {
  let failure: Error | undefined;
  const stream = new Duplex({
    writableObjectMode: true,
    readableHighWaterMark: 256 * 1024,
    read() {
      call.resume();
    },
    write(message: PortInput, _encoding, done) {
      if (call.write(message)) done();
      else call.once('drain', () => done());
    },
    final(done) {
      call.write({ closed: true });
      call.end();
      done();
    },
    destroy(error, done) {
      call.cancel();
      done(error);
    },
  });
  call.pause();
  call.on('data', ({ data }: Chunk) => {
    if (!stream.push(data)) call.pause();
  });
  call.on('end', () => stream.push(null));
  call.on('error', (error) => {
    // Our own cancelling comes back as an error, too.
    if (!stream.destroyed) failure = error;
    stream.destroy(error);
  });
  return { stream, failure: () => failure };
}

function isPort(port: number): boolean {
  return Number.isInteger(port) && port > 0 && port < 65536;
}
