/** For tests: a WebSocket whose sub-protocol has a slash in its name, which `ws` does not ask for, as a stream of the bytes in its messages. */
import { once } from 'node:events';
import { request } from 'node:https';
import type { IncomingMessage } from 'node:http';
import { Duplex } from 'node:stream';

const binary = 0x82;
const close = 0x88;

/** Resolves once the server has agreed to the protocol. */
export async function openTunnel(
  url: string,
  protocol: string,
  tls: { ca: string; cert: string; key: string },
): Promise<Duplex> {
  const headers = {
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-key': Buffer.alloc(16).toString('base64'),
    'sec-websocket-version': '13',
    'sec-websocket-protocol': protocol,
  };
  const sent = request(url, { ...tls, headers, agent: false }).end();
  const [answer, socket, head] = (await once(sent, 'upgrade')) as [IncomingMessage, Duplex, Buffer];
  const agreed = answer.headers['sec-websocket-protocol'];
  if (agreed !== protocol) throw new Error(`The server agreed to ${agreed}`);
  if (head.length > 0) socket.unshift(head);
  return tunnelOver(socket);
}

function tunnelOver(socket: Duplex): Duplex {
  const tunnel = new Duplex({
    read: () => void socket.resume(),
    write(chunk: Buffer, _encoding, done) {
      socket.write(Buffer.concat([header(binary, chunk.length), chunk]), done);
    },
    final(done) {
      socket.end(header(close, 0));
      done();
    },
    destroy(error, done) {
      socket.destroy();
      done(error);
    },
  });
  let left: Buffer = Buffer.alloc(0);
  socket.on('data', (data: Buffer) => {
    left = Buffer.concat([left, data]);
    for (let frame = frameIn(left); frame; frame = frameIn(left)) {
      left = left.subarray(frame.end);
      if (frame.code === 0 || frame.code === 2) tunnel.push(frame.payload);
    }
  });
  socket.on('error', (error) => tunnel.destroy(error));
  socket.on('close', () => tunnel.destroy());
  return tunnel;
}

/** Masked, as a client's must be: by zeros, which change nothing. */
function header(first: number, length: number): Buffer {
  const mask = Buffer.alloc(4);
  if (length < 126) return Buffer.concat([Buffer.from([first, 0x80 | length]), mask]);
  const long = Buffer.alloc(10);
  long[0] = first;
  long[1] = 0x80 | 127;
  long.writeBigUInt64BE(BigInt(length), 2);
  return Buffer.concat([long, mask]);
}

/** The first whole frame, as servers send them; undefined while there is none. */
function frameIn(bytes: Buffer): { code: number; payload: Buffer; end: number } | undefined {
  if (bytes.length < 2) return undefined;
  const short = bytes[1]! & 0x7f;
  const start = short < 126 ? 2 : short === 126 ? 4 : 10;
  if (bytes.length < start) return undefined;
  const length = short < 126 ? short : short === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
  const end = start + length;
  return bytes.length < end ? undefined : { code: bytes[0]! & 0x0f, payload: bytes.subarray(start, end), end };
}
