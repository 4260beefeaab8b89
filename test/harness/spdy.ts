/** For tests: the client's side of SPDY/3.1 over a connection to the API server, as kubectl before 1.31 speaks it. */
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { PassThrough } from 'node:stream';
import { connect } from 'node:tls';
import { bodyBytes, decodeFrame, encodeFrame, frameHeaderBytes } from '../../apiserver/streams/spdy/frames.ts';
import type { Frame } from '../../apiserver/streams/spdy/frames.ts';
import { makeHeaderWriter } from '../../apiserver/streams/spdy/headers.ts';

export interface SpdyClient {
  /** Opens a stream with these headers. */
  open(headers: Record<string, string>): ClientStream;
  /** Resolves when the server has said goodbye or closed. */
  over: Promise<void>;
  close(): void;
}

export interface ClientStream {
  /** What the server sends; it ends when the server ends it, and fails when it is reset. */
  output: PassThrough;
  /** Resolves once the connection can take more. */
  write(data: Buffer): Promise<void>;
  /** No more will be sent. */
  end(): void;
}

export interface SpdyAnswer {
  code: number;
  headers: Record<string, string>;
  /** Of a refusal. */
  body: string;
  /** What follows the agreement, when there is one. */
  socket: Duplex;
}

/** Asks for SPDY/3.1 at a path, with a client certificate. */
export async function askSpdy(
  url: string,
  { path, protocols, ...tls }: { path: string; protocols: readonly string[]; ca: string; cert: string; key: string },
): Promise<SpdyAnswer> {
  const { hostname, port, host } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port), ...tls });
  await once(socket, 'secureConnect');
  const offers = protocols.map((name) => `X-Stream-Protocol-Version: ${name}\r\n`).join('');
  socket.write(
    `POST ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n${offers}Content-Length: 0\r\n\r\n`,
  );
  let seen = Buffer.alloc(0);
  while (!seen.includes('\r\n\r\n')) {
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    seen = Buffer.concat([seen, chunk]);
  }
  socket.pause();
  const end = seen.indexOf('\r\n\r\n');
  const [first = '', ...lines] = seen.toString('latin1', 0, end).split('\r\n');
  const headers = Object.fromEntries(
    lines.map((line) => [line.split(':', 1)[0]!.toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
  );
  const code = Number(first.split(' ')[1]);
  const rest = seen.subarray(end + 4);
  if (code === 101) {
    if (rest.length > 0) socket.unshift(rest);
    return { code, headers, body: '', socket };
  }
  let body = rest.toString();
  for await (const chunk of socket) body += String(chunk);
  return { code, headers, body, socket };
}

/** Speaks SPDY over a connection on which it has been agreed. */
export function speakSpdy(socket: Duplex): SpdyClient {
  const streams = new Map<number, PassThrough>();
  const headerBlock = makeHeaderWriter();
  const over = Promise.withResolvers<void>();
  let next = 1;
  const send = (frame: Frame): boolean =>
    encodeFrame(frame)
      .map((part) => socket.write(part))
      .every(Boolean);
  const finish = () => {
    for (const output of streams.values()) output.end();
    over.resolve();
  };
  const handle = (frame: Frame) => {
    if (frame.type === 'data') {
      const output = streams.get(frame.stream);
      if (frame.data.length > 0) output?.write(Buffer.from(frame.data));
      if (frame.isLast) output?.end();
    } else if (frame.type === 'reset') streams.get(frame.stream)?.destroy(new Error('the server reset the stream'));
    else if (frame.type === 'ping' && frame.id % 2 === 0) send(frame);
    else if (frame.type === 'go-away') over.resolve();
  };
  let left: Buffer = Buffer.alloc(0);
  socket.setMaxListeners(0);
  socket.on('data', (chunk: Buffer) => {
    left = left.length === 0 ? chunk : Buffer.concat([left, chunk]);
    while (left.length >= frameHeaderBytes && left.length >= frameHeaderBytes + bodyBytes(left)) {
      const end = frameHeaderBytes + bodyBytes(left);
      const frame = decodeFrame(left.subarray(0, frameHeaderBytes), left.subarray(frameHeaderBytes, end));
      left = left.subarray(end);
      if (frame) handle(frame);
    }
  });
  socket.on('error', finish);
  socket.on('close', finish);
  socket.resume();
  return {
    over: over.promise,
    close: () => socket.destroy(),
    open(headers) {
      const stream = next;
      next += 2;
      const output = new PassThrough({ highWaterMark: 64 * 1024 * 1024 });
      output.on('error', () => {});
      streams.set(stream, output);
      send({ type: 'syn-stream', stream, isLast: false, headers: headerBlock(new Map(Object.entries(headers))) });
      return {
        output,
        async write(data) {
          for (let at = 0; at < data.length; at += 32_768)
            if (!send({ type: 'data', stream, isLast: false, data: data.subarray(at, at + 32_768) }))
              await once(socket, 'drain');
        },
        end: () => void send({ type: 'data', stream, isLast: true, data: Buffer.alloc(0) }),
      };
    },
  };
}
