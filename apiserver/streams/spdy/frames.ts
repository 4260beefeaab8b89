/** SPDY/3.1 frames as values, decoded from and encoded to bytes (draft 3.1, section 2). Header blocks stay compressed here. Pure. */

export type Frame =
  | { type: 'syn-stream'; stream: number; isLast: boolean; headers: Buffer }
  | { type: 'syn-reply'; stream: number; isLast: boolean; headers: Buffer }
  | { type: 'reset'; stream: number; status: number }
  | { type: 'settings' }
  | { type: 'ping'; id: number }
  | { type: 'go-away'; lastStream: number; status: number }
  | { type: 'headers'; stream: number; isLast: boolean; headers: Buffer }
  | { type: 'window-update'; stream: number; deltaBytes: number }
  | { type: 'data'; stream: number; isLast: boolean; data: Buffer };

/** Statuses of RST_STREAM. */
export const resetStatus = { protocolError: 1, invalidStream: 2, refusedStream: 3, cancel: 5 } as const;

/** Something that no SPDY peer sends; the connection cannot go on. */
export class SpdyError extends Error {
  override readonly name = 'SpdyError';
}

export const frameHeaderBytes = 8;
const version = 3;
const controlBit = 0x80000000;
const lastFlag = 1;
const longestControl = 64 * 1024;
const longestData = 1024 * 1024;

const types = { synStream: 1, synReply: 2, reset: 3, settings: 4, ping: 6, goAway: 7, headers: 8, windowUpdate: 9 };

/** How many bytes follow this header of 8. Throws SpdyError when that is more than we take. */
export function bodyBytes(header: Buffer): number {
  const length = header.readUInt32BE(4) & 0xffffff;
  const most = header[0]! & 0x80 ? longestControl : longestData;
  if (length > most) throw new SpdyError(`a frame of ${length} bytes is too long`);
  return length;
}

/** The frame, or undefined for one of a type that may be ignored. Throws SpdyError. */
export function decodeFrame(header: Buffer, body: Buffer): Frame | undefined {
  const first = header.readUInt32BE(0);
  const isLast = (header[4]! & lastFlag) !== 0;
  if (first < controlBit) return { type: 'data', stream: first, isLast, data: body };
  if (((first >>> 16) & 0x7fff) !== version) throw new SpdyError(`unknown SPDY version ${(first >>> 16) & 0x7fff}`);
  const type = first & 0xffff;
  const need = (bytes: number) => {
    if (body.length < bytes) throw new SpdyError(`a frame of type ${type} is too short`);
  };
  const word = (at: number) => body.readUInt32BE(at) & 0x7fffffff;
  switch (type) {
    case types.synStream:
      need(10);
      return { type: 'syn-stream', stream: word(0), isLast, headers: body.subarray(10) };
    case types.synReply:
      need(4);
      return { type: 'syn-reply', stream: word(0), isLast, headers: body.subarray(4) };
    case types.reset:
      need(8);
      return { type: 'reset', stream: word(0), status: body.readUInt32BE(4) };
    case types.settings:
      return { type: 'settings' };
    case types.ping:
      need(4);
      return { type: 'ping', id: body.readUInt32BE(0) };
    case types.goAway:
      need(8);
      return { type: 'go-away', lastStream: word(0), status: body.readUInt32BE(4) };
    case types.headers:
      need(4);
      return { type: 'headers', stream: word(0), isLast, headers: body.subarray(4) };
    case types.windowUpdate:
      need(8);
      return { type: 'window-update', stream: word(0), deltaBytes: word(4) };
    default:
      return undefined;
  }
}

/** The frame's bytes; what is long in it is not copied. */
export function encodeFrame(frame: Frame): Buffer[] {
  switch (frame.type) {
    case 'data': {
      const header = Buffer.alloc(frameHeaderBytes);
      header.writeUInt32BE(frame.stream, 0);
      header.writeUInt32BE(frame.data.length, 4);
      header[4] = frame.isLast ? lastFlag : 0;
      return [header, frame.data];
    }
    case 'syn-stream':
      return control(types.synStream, frame.isLast, words(frame.stream, 0), Buffer.alloc(2), frame.headers);
    case 'syn-reply':
      return control(types.synReply, frame.isLast, words(frame.stream), frame.headers);
    case 'headers':
      return control(types.headers, frame.isLast, words(frame.stream), frame.headers);
    case 'reset':
      return control(types.reset, false, words(frame.stream, frame.status));
    case 'settings':
      return control(types.settings, false, words(0));
    case 'ping':
      return control(types.ping, false, words(frame.id));
    case 'go-away':
      return control(types.goAway, false, words(frame.lastStream, frame.status));
    case 'window-update':
      return control(types.windowUpdate, false, words(frame.stream, frame.deltaBytes));
  }
}

function control(type: number, isLast: boolean, ...parts: Buffer[]): Buffer[] {
  const header = Buffer.alloc(frameHeaderBytes);
  header.writeUInt32BE((controlBit | (version << 16) | type) >>> 0, 0);
  header.writeUInt32BE(
    parts.reduce((sum, part) => sum + part.length, 0),
    4,
  );
  header[4] = isLast ? lastFlag : 0;
  return [header, ...parts];
}

function words(...values: number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  values.forEach((value, index) => bytes.writeUInt32BE(value >>> 0, 4 * index));
  return bytes;
}
