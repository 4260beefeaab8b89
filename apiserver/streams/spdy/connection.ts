/**
 * The server's side of a SPDY/3.1 connection over any byte stream. Kubernetes' clients neither keep nor grant send windows, so the
 * transport's own backpressure bounds what we send; for what we receive, a stream that nobody reads stops the whole connection once its buffer is
 * full, and window updates go to those who count.
 */
import { Duplex } from 'node:stream';
import { once } from 'node:events';
import type { Env } from '#lib/env/env.ts';
import { bodyBytes, decodeFrame, encodeFrame, frameHeaderBytes, resetStatus, SpdyError } from './frames.ts';
import type { Frame } from './frames.ts';
import { makeHeaderReader, makeHeaderWriter } from './headers.ts';
import type { Headers } from './headers.ts';

/** One stream that the client opened: what it reads is what the client wrote. */
export interface SpdyStream extends Duplex {
  readonly headers: Headers;
}

export interface SpdyConnection {
  /** Aborted when the connection is over, whoever ended it. */
  readonly over: AbortSignal;
  /** Says goodbye and closes once everything written has left. */
  end(): Promise<void>;
}

const mostStreams = 1000;
const bufferBytes = 256 * 1024;
const largestData = 32 * 1024;
/** Granted again once this much has been read. */
const windowStepBytes = 32 * 1024;
/** Pings find clients that vanished, even while we do not read. */
const pingEveryMs = 15_000;

/** Serves the client on `transport`. `onStream` gets each stream that it opens, already accepted. */
export function serveSpdy(transport: Duplex, env: Env, onStream: (stream: SpdyStream) => void): SpdyConnection {
  const streams = new Map<number, ServedStream>();
  const control = new AbortController();
  const readHeaders = makeHeaderReader();
  const writeHeaders = makeHeaderWriter();
  let lastStream = 0;
  let nextPing = 2;

  const send = (frame: Frame, done?: (error?: Error | null) => void) => {
    if (transport.destroyed || transport.writableEnded) {
      done?.(new Error('the connection is closed'));
      return;
    }
    const parts = encodeFrame(frame);
    const last = parts.pop()!;
    for (const part of parts) transport.write(part);
    transport.write(last, done);
  };

  const close = () => {
    if (control.signal.aborted) return;
    control.abort(new Error('the connection is closed'));
    cancelPing();
    readHeaders.close();
    for (const stream of streams.values()) stream.destroy();
    streams.clear();
    transport.destroy();
  };

  const open = async (frame: Frame & { type: 'syn-stream' }) => {
    const headers = await readHeaders.read(frame.headers);
    if (streams.has(frame.stream) || frame.stream <= lastStream || frame.stream % 2 === 0)
      throw new SpdyError(`stream ${frame.stream} cannot be opened`);
    lastStream = frame.stream;
    if (streams.size >= mostStreams)
      return send({ type: 'reset', stream: frame.stream, status: resetStatus.refusedStream });
    const stream = new ServedStream(frame.stream, headers, send, () => streams.delete(frame.stream));
    streams.set(frame.stream, stream);
    send({ type: 'syn-reply', stream: frame.stream, isLast: false, headers: writeHeaders(new Map()) });
    if (frame.isLast) stream.push(null);
    onStream(stream);
  };

  const handle = async (frame: Frame): Promise<void> => {
    switch (frame.type) {
      case 'syn-stream':
        return open(frame);
      case 'data': {
        const stream = streams.get(frame.stream);
        if (stream) await stream.receive(frame.data, frame.isLast);
        else if (frame.data.length > 0)
          send({ type: 'reset', stream: frame.stream, status: resetStatus.invalidStream });
        return;
      }
      case 'headers':
      case 'syn-reply':
        // Nobody reads them, but they are part of the compressed stream.
        await readHeaders.read(frame.headers);
        if (frame.isLast) await streams.get(frame.stream)?.receive(Buffer.alloc(0), true);
        return;
      case 'reset':
        streams.get(frame.stream)?.abandon();
        return;
      case 'ping':
        // Ours have even numbers and come back as they are.
        if (frame.id % 2 === 1) send(frame);
        return;
      default:
        // Settings and windows do not bind us; after a goodbye the client closes by itself.
        return;
    }
  };

  const serve = async () => {
    let left: Buffer = Buffer.alloc(0);
    for await (const chunk of transport as AsyncIterable<Buffer>) {
      left = left.length === 0 ? chunk : Buffer.concat([left, chunk]);
      while (left.length >= frameHeaderBytes) {
        const length = bodyBytes(left);
        if (left.length < frameHeaderBytes + length) break;
        const frame = decodeFrame(left, left.subarray(frameHeaderBytes, frameHeaderBytes + length));
        left = left.subarray(frameHeaderBytes + length);
        if (frame) await handle(frame);
      }
    }
  };

  let cancelPing = () => {};
  const pingLater = () => {
    cancelPing = env.after(pingEveryMs, () => {
      send({ type: 'ping', id: nextPing });
      nextPing += 2;
      pingLater();
    });
  };
  pingLater();
  transport.on('error', close);
  transport.on('close', close);
  serve().then(close, (error: unknown) => {
    if (error instanceof SpdyError) {
      env.log.debug('A SPDY client broke the rules', { error });
      send({ type: 'go-away', lastStream, status: resetStatus.protocolError });
    }
    close();
  });

  return {
    over: control.signal,
    async end() {
      if (control.signal.aborted) return;
      send({ type: 'go-away', lastStream, status: 0 });
      transport.end();
      // The client closes its side; one that does not is cut off.
      const cancel = env.after(closeLimitMs, close);
      if (!transport.closed) await once(transport, 'close').catch(() => {});
      cancel();
    },
  };
}

const closeLimitMs = 2000;

class ServedStream extends Duplex implements SpdyStream {
  readonly headers: Headers;
  readonly #id: number;
  readonly #send: (frame: Frame, done?: (error?: Error | null) => void) => void;
  readonly #forget: () => void;
  #isReset = false;
  #ungrantedBytes = 0;
  #wanted: (() => void) | undefined;

  constructor(
    id: number,
    headers: Headers,
    send: (frame: Frame, done?: (error?: Error | null) => void) => void,
    forget: () => void,
  ) {
    super({ readableHighWaterMark: bufferBytes, writableHighWaterMark: bufferBytes });
    this.#id = id;
    this.headers = headers;
    this.#send = send;
    this.#forget = forget;
    // Failures reach the reader and the writer; a stream that has neither any more must not end the process.
    this.on('error', () => {});
  }

  /** Takes data from the client; resolves when there is room for more. */
  async receive(data: Buffer, isLast: boolean): Promise<void> {
    if (this.destroyed || this.readableEnded) return;
    const hasRoom = data.length === 0 || this.push(data);
    this.#ungrantedBytes += data.length;
    if (this.#ungrantedBytes >= windowStepBytes) {
      const grant = { type: 'window-update', deltaBytes: this.#ungrantedBytes } as const;
      this.#send({ ...grant, stream: this.#id });
      this.#send({ ...grant, stream: 0 });
      this.#ungrantedBytes = 0;
    }
    if (isLast) this.push(null);
    else if (!hasRoom) await new Promise<void>((resolve) => (this.#wanted = resolve));
  }

  /** The client has reset the stream. */
  abandon(): void {
    this.#isReset = true;
    this.destroy(new Error('the client has reset the stream'));
  }

  override _read(): void {
    this.#goOn();
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    let at = 0;
    for (; at + largestData < chunk.length; at += largestData)
      this.#send({ type: 'data', stream: this.#id, isLast: false, data: chunk.subarray(at, at + largestData) });
    this.#send({ type: 'data', stream: this.#id, isLast: false, data: chunk.subarray(at) }, done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#send({ type: 'data', stream: this.#id, isLast: true, data: Buffer.alloc(0) }, done);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#forget();
    this.#goOn();
    if (!this.#isReset && !(this.writableFinished && this.readableEnded))
      this.#send({ type: 'reset', stream: this.#id, status: resetStatus.cancel });
    done(error);
  }

  #goOn(): void {
    this.#wanted?.();
    this.#wanted = undefined;
  }
}
