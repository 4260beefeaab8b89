/** Numbered channels inside one WebSocket: a byte says which, the rest is data (upstream's `apimachinery/pkg/util/httpstream/wsstream`). */
import { Duplex, PassThrough, Writable } from 'node:stream';
import type { WebSocket } from 'ws';
import { bytesOf } from './websocket.ts';

export interface Channels {
  /** What the client sends on this channel; declared before data comes. */
  reader(channel: number): PassThrough;
  writer(channel: number): Writable;
  /** Both in one. */
  duplex(channel: number): Duplex;
  /** Calls `listener` for each message on a channel that has no reader. */
  onMessage(channel: number, listener: (data: Buffer) => void): void;
  /** An empty message: the channel is there. */
  announce(channel: number, data?: Buffer): void;
  /** Aborted when the connection is over. */
  over: AbortSignal;
  /** Closes after everything written has left. */
  close(): Promise<void>;
}

/** In version 5 a message on this channel closes the one that it names. */
const closeChannel = 255;
const bufferBytes = 256 * 1024;

const zero = 0x30;

/** In text a channel is one character, counted from '0'. */
const digitOf = (channel: number) => String.fromCharCode(zero + channel);

export function openChannels(
  webSocket: WebSocket,
  { base64, canClose }: { base64: boolean; canClose: boolean },
): Channels {
  const readers = new Map<number, PassThrough>();
  const listeners = new Map<number, (data: Buffer) => void>();
  /** Those that have more than they can hold: while there are any, nothing is read. */
  const waiting = new Set<PassThrough>();
  const control = new AbortController();

  const send = (channel: number, data: Buffer, done?: (error?: Error | null) => void) => {
    if (webSocket.readyState !== webSocket.OPEN) {
      done?.(new Error('the connection is closed'));
      return;
    }
    if (base64) webSocket.send(`${digitOf(channel)}${data.toString('base64')}`, { binary: false }, done);
    else webSocket.send(Buffer.concat([Buffer.from([channel]), data]), { binary: true }, done);
  };

  webSocket.on('message', (raw) => {
    const message = bytesOf(raw);
    if (message.length === 0) return;
    const channel = base64 ? message[0]! - zero : message[0]!;
    const data = base64 ? Buffer.from(message.toString('latin1', 1), 'base64') : message.subarray(1);
    if (canClose && channel === closeChannel) {
      if (data.length === 1) readers.get(data[0]!)?.end();
      return;
    }
    const reader = readers.get(channel);
    if (!reader) return listeners.get(channel)?.(data);
    if (reader.writableEnded || reader.destroyed || data.length === 0) return;
    if (reader.write(data) || waiting.has(reader)) return;
    // Messages that have been received already still come.
    waiting.add(reader);
    webSocket.pause();
    const goOn = () => {
      reader.off('drain', goOn);
      reader.off('close', goOn);
      waiting.delete(reader);
      if (waiting.size === 0) webSocket.resume();
    };
    reader.on('drain', goOn);
    reader.on('close', goOn);
  });
  webSocket.on('close', () => {
    control.abort(new Error('the connection is closed'));
    for (const reader of readers.values()) reader.end();
  });

  webSocket.resume();

  const reader = (channel: number) => {
    const made = new PassThrough({ highWaterMark: bufferBytes });
    readers.set(channel, made);
    return made;
  };
  const writer = (channel: number) =>
    new Writable({ highWaterMark: bufferBytes, write: (chunk: Buffer, _encoding, done) => send(channel, chunk, done) });

  return {
    over: control.signal,
    reader,
    writer,
    duplex: (channel) => Duplex.from({ readable: reader(channel), writable: writer(channel) } as never),
    onMessage: (channel, listener) => void listeners.set(channel, listener),
    announce: (channel, data = Buffer.alloc(0)) => send(channel, data),
    close: () =>
      new Promise((resolve) => {
        if (webSocket.readyState === webSocket.CLOSED) return resolve();
        webSocket.resume();
        webSocket.once('close', () => resolve());
        webSocket.close(1000);
      }),
  };
}
