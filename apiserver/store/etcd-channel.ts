/**
 * Unary gRPC calls to etcd over one HTTP/2 connection, without the layers of a general client: a write spends more of our CPU in those
 * than in everything else between its two sockets. What it leaves out is balancing and retrying, which a store must do with more care anyway.
 */
import { once } from 'node:events';
import { connect, constants } from 'node:http2';
import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders } from 'node:http2';
import { connect as connectSocket, isIP } from 'node:net';
import type { Env } from '#lib/env/env.ts';
import type { TlsMaterial } from './etcd-tls.ts';

/** A call that was not answered well. */
export class EtcdError extends Error {
  override readonly name = 'EtcdError';
  /** gRPC's status code. */
  readonly code: number;
  /** `unsent`: the request never left. `unknown`: it may have been carried out. `refused`: it was not, and will not be. */
  readonly sort: 'unsent' | 'unknown' | 'refused';

  constructor(code: number, sort: EtcdError['sort'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.sort = sort;
  }
}

/** gRPC's status codes, of those that matter here (https://grpc.io/docs/guides/status-codes/). */
export const grpcCodes = { deadlineExceeded: 4, notFound: 5, outOfRange: 11, unavailable: 14 } as const;

/** Codes that leave open whether the call was carried out: cancelled, unknown, deadline exceeded, aborted, internal, unavailable, data loss. */
const openCodes: ReadonlySet<number> = new Set([1, 2, 4, 10, 13, 14, 15]);

export interface EtcdChannel {
  /** Sends one message to `/service/method` and gives the one that comes back; rejects with EtcdError. */
  call(path: string, message: Uint8Array): Promise<Buffer>;
  /** Calls under way fail. */
  close(): void;
}

/** How long a connection may take to be made, and a call to be answered. */
const connectLimitMs = 2000;
const callLimitMs = 5000;

/**
 * Connects when first called. A connection that cannot be made turns to the next endpoint, and so does one on which a call was not answered in
 * time: it may have died without a word.
 */
export function makeEtcdChannel(endpoints: readonly string[], tls: TlsMaterial | undefined, env: Env): EtcdChannel {
  let turn = 0;
  let opening: Promise<ClientHttp2Session> | undefined;
  let session: ClientHttp2Session | undefined;
  let closed = false;

  const openNext = async (): Promise<ClientHttp2Session> => {
    try {
      const made = await openSession(endpoints[turn % endpoints.length]!, tls, env);
      made.on('error', (error) => env.log.debug('A connection to etcd failed', { error }));
      if (closed) made.destroy();
      else session = made;
      return made;
    } catch (error) {
      turn++;
      throw error;
    } finally {
      opening = undefined;
    }
  };
  const giveUp = (dead: ClientHttp2Session) => {
    if (session === dead) turn++;
    dead.destroy();
  };

  return {
    async call(path, message) {
      if (closed) throw new EtcdError(grpcCodes.unavailable, 'unsent', 'the channel is closed');
      const usable = session && !session.closed && !session.destroyed;
      const on = usable ? session! : await (opening ??= openNext());
      return callOn(on, path, message, env, () => giveUp(on));
    },
    close() {
      closed = true;
      session?.destroy();
    },
  };
}

function callOn(
  session: ClientHttp2Session,
  path: string,
  message: Uint8Array,
  env: Env,
  onSilence: () => void,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let stream: ClientHttp2Stream;
    try {
      stream = session.request({ ...requestHeaders, ':path': path });
    } catch (error) {
      const told = 'the connection is closing';
      reject(new EtcdError(grpcCodes.unavailable, 'unsent', told, { cause: error }));
      return;
    }
    const chunks: Buffer[] = [];
    let ending: IncomingHttpHeaders | undefined;
    let fault: unknown;
    const cancelLimit = env.after(callLimitMs, () => {
      fault = new EtcdError(grpcCodes.deadlineExceeded, 'unknown', `no answer within ${callLimitMs} ms`);
      stream.close(constants.NGHTTP2_CANCEL);
      onSilence();
    });
    stream.on('response', (headers) => {
      if (headers['grpc-status'] !== undefined) ending = headers;
    });
    stream.on('trailers', (headers) => (ending = headers));
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('error', (error) => (fault ??= error));
    stream.on('close', () => {
      cancelLimit();
      if (ending?.['grpc-status'] === '0') {
        const answer = unframed(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks));
        if (answer) return resolve(answer);
      }
      reject(failureOf(ending, fault, stream.rstCode));
    });
    stream.end(framed(message));
  });
}

const requestHeaders = {
  ':method': 'POST',
  'content-type': 'application/grpc',
  te: 'trailers',
  'grpc-timeout': `${callLimitMs}m`,
  // A member that lost its leader refuses instead of waiting.
  hasleader: 'true',
};

function failureOf(ending: IncomingHttpHeaders | undefined, fault: unknown, rstCode: number | undefined): EtcdError {
  if (fault instanceof EtcdError) return fault;
  // The other side promises that it has not looked at such a stream (RFC 9113, section 8.7).
  if (rstCode === constants.NGHTTP2_REFUSED_STREAM)
    return new EtcdError(grpcCodes.unavailable, 'unsent', 'etcd refused the call', { cause: fault });
  const status = ending?.['grpc-status'];
  if (status === undefined || status === '0')
    return new EtcdError(grpcCodes.unavailable, 'unknown', 'the connection broke', { cause: fault });
  const code = Number(status);
  const message = decodeURIComponent(String(ending?.['grpc-message'] ?? `status ${code}`));
  return new EtcdError(code, openCodes.has(code) ? 'unknown' : 'refused', message);
}

/** A gRPC frame: whether it is compressed, its length, the message. */
function framed(message: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(frameHeaderBytes + message.length);
  frame[0] = 0;
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, frameHeaderBytes);
  return frame;
}

/** The one whole message of an answer; undefined when it is none. */
function unframed(bytes: Buffer): Buffer | undefined {
  if (bytes.length < frameHeaderBytes || bytes[0] !== 0) return undefined;
  const end = frameHeaderBytes + bytes.readUInt32BE(1);
  return bytes.length === end ? bytes.subarray(frameHeaderBytes) : undefined;
}

const frameHeaderBytes = 5;

async function openSession(endpoint: string, tls: TlsMaterial | undefined, env: Env): Promise<ClientHttp2Session> {
  const isSocket = endpoint.startsWith('unix:');
  const session = connect(isSocket ? 'http://localhost' : endpoint, {
    ...(isSocket && { createConnection: () => connectSocket(endpoint.slice('unix:'.length)) }),
    // TLS knows servers by name only. Whoever is reached by an address must be the localhost of its certificate, as etcd's usually say.
    ...(!isSocket && isIP(new URL(endpoint).hostname.replaceAll(/[[\]]/g, '')) !== 0 && { servername: 'localhost' }),
    ...tls,
    settings: { enablePush: false },
    maxSessionMemory: sessionMemoryMb,
  });
  const cancel = env.after(connectLimitMs, () =>
    session.destroy(new Error(`no connection within ${connectLimitMs} ms`)),
  );
  try {
    await once(session, 'connect');
    return session;
  } catch (error) {
    session.destroy();
    throw new EtcdError(grpcCodes.unavailable, 'unsent', `Cannot connect to etcd at ${endpoint}`, { cause: error });
  } finally {
    cancel();
  }
}

/** What Node lets one connection hold; its default of 10 MB refuses calls when many large answers are under way. */
const sessionMemoryMb = 1024;
