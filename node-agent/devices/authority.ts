/**
 * Lets clients of older gRPC libraries for Go in. They name the path of a unix socket as the authority of their calls, which HTTP/2 as Node.js has it refuses,
 * as a slash cannot be part of one. Each slash of that path is made a dash on the way in.
 */
import { Duplex } from 'node:stream';

/** The first bytes of a connection of HTTP/2, before its first frame. */
const prefaceBytes = 24;
const frameHeadBytes = 9;
const headersFrame = 1;
/** Longer than any head of a call to us; what has none by then goes through as it is. */
const longestHead = 16 * 1024;

/** The connection as the server may read it. The authority is written out in a connection's first call and then referred to, so only that one is looked at. */
export function withPlainAuthority(socket: Duplex, file: string): Duplex {
  const rewrite = makeRewriter(file);
  const plain = new Duplex({
    read: () => void socket.resume(),
    write: (chunk: Buffer, _encoding, done) => void socket.write(chunk, (error) => done(error)),
    final: (done) => void socket.end(() => done()),
    destroy(error, done) {
      socket.destroy();
      done(error);
    },
  });
  socket.on('data', (chunk: Buffer) => {
    for (const part of rewrite(chunk)) if (!plain.push(part)) socket.pause();
  });
  socket.on('end', () => void plain.push(null));
  socket.on('close', () => plain.destroy());
  return plain;
}

/** Takes what arrives, in parts of any size, and answers what of it, rewritten, can go on. */
export function makeRewriter(file: string): (chunk: Buffer) => Buffer[] {
  const pairs = [(text: string) => Buffer.from(text), huffman].map(
    (encode) => [encode(file), encode(file.replaceAll('/', '-'))] as const,
  );
  let held = Buffer.alloc(0);
  let skip = prefaceBytes;
  let done = false;
  return (chunk) => {
    if (done) return [chunk];
    held = Buffer.concat([held, chunk]);
    const out: Buffer[] = [];
    const pass = (bytes: number) => {
      out.push(held.subarray(0, bytes));
      held = held.subarray(bytes);
    };
    for (;;) {
      if (skip > 0) {
        const bytes = Math.min(skip, held.length);
        skip -= bytes;
        if (bytes > 0) pass(bytes);
        if (skip > 0) return out;
      }
      if (held.length < frameHeadBytes) return out;
      const length = frameHeadBytes + held.readUIntBE(0, 3);
      if (held[3] !== headersFrame) {
        skip = length;
        continue;
      }
      if (length <= longestHead && held.length < length) return out;
      done = true;
      if (length <= longestHead) for (const [from, to] of pairs) replace(held.subarray(0, length), from, to);
      pass(held.length);
      return out;
    }
  };
}

function replace(bytes: Buffer, from: Buffer, to: Buffer): void {
  const at = bytes.indexOf(from);
  if (at >= 0) to.copy(bytes, at);
}

/** HPACK's code of the characters of paths (RFC 7541, appendix B): by the length of their codes, which count up from the end of the shorter ones. */
const charactersByBits: Readonly<Record<number, string>> = {
  5: '012aceiost',
  6: ' %-./3456789=A_bdfghlmnpru',
  7: ':BCDEFGHIJKLMNOPQRSTUVWYjkqvwxyz',
  8: '&*,;XZ',
};

const codes = (() => {
  const found = new Map<string, string>();
  let next = 0;
  let before = 0;
  for (const [bits, characters] of Object.entries(charactersByBits)) {
    next <<= Number(bits) - before;
    before = Number(bits);
    for (const character of characters) found.set(character, (next++).toString(2).padStart(before, '0'));
  }
  return found;
})();

/** The text as HPACK compresses it; a slash and a dash are equally long. Empty for a text with other characters. */
function huffman(text: string): Buffer {
  const bits = text.split('').map((character) => codes.get(character));
  if (bits.includes(undefined)) return Buffer.alloc(0);
  const joined = bits.join('');
  const padded = joined.padEnd(Math.ceil(joined.length / 8) * 8, '1');
  return Buffer.from((padded.match(/.{8}/g) ?? []).map((octet) => Number.parseInt(octet, 2)));
}
