/**
 * Writes protobuf from its end to its beginning, as upstream's encoder does: what is nested is written before its length, which is then known.
 * One message at a time, in one buffer that all share.
 */

export interface BackwardWriter {
  /** How much has been written; a message's length is the difference. */
  readonly length: number;
  /** A field's number and wire type, behind which its value stands. */
  tag(pn: number, wire: Wire): void;
  /** A whole number from -2^63 to 2^53. */
  varint(value: number): void;
  double(value: number): void;
  /** Text or bytes, with their length before them. */
  text(value: string): void;
  bytes(value: Uint8Array): void;
  /** What has been written, in a buffer of its own; the writer begins anew. */
  take(): Buffer;
  /** Forgets what has been written, as after a fault. */
  reset(): void;
}

export const wires = { varint: 0, double: 1, bytes: 2 } as const;

export type Wire = (typeof wires)[keyof typeof wires];

const startBytes = 64 * 1024;

/** Characters of a text that is written one by one. */
const shortText = 40;

/** A buffer that a huge message made larger than this is not kept. */
const keptBytes = 1024 * 1024;

export function makeBackwardWriter(): BackwardWriter {
  let buffer = Buffer.allocUnsafeSlow(startBytes);
  let at = buffer.length;

  const need = (size: number) => {
    if (at >= size) return;
    const used = buffer.length - at;
    const larger = Buffer.allocUnsafeSlow(Math.max(buffer.length * 2, used + size));
    buffer.copy(larger, larger.length - used, at);
    buffer = larger;
    at = larger.length - used;
  };
  const reset = () => {
    if (buffer.length > keptBytes) buffer = Buffer.allocUnsafeSlow(startBytes);
    at = buffer.length;
  };
  const unsigned = (value: number) => {
    need(10);
    if (value < 0x80) {
      buffer[--at] = value;
      return;
    }
    at -= sizeOf(value);
    let to = at;
    let rest = value;
    while (rest >= 0x80) {
      buffer[to++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    buffer[to] = rest;
  };
  /** Two's complement in 64 bits, which always takes ten bytes. */
  const negative = (value: number) => {
    need(10);
    let rest = BigInt.asUintN(64, BigInt(value));
    at -= 10;
    for (let to = at; to < at + 9; to++) {
      buffer[to] = Number(rest & 0x7fn) | 0x80;
      rest >>= 7n;
    }
    buffer[at + 9] = Number(rest);
  };

  /** Most texts are short and plain; for those a call into the runtime costs more than the loop. */
  const shortAscii = (value: string): boolean => {
    need(value.length);
    let to = at;
    for (let from = value.length - 1; from >= 0; from--) {
      const code = value.charCodeAt(from);
      if (code > 0x7f) return false;
      buffer[--to] = code;
    }
    at = to;
    unsigned(value.length);
    return true;
  };

  return {
    get length() {
      return buffer.length - at;
    },
    tag: (pn, wire) => unsigned(pn * 8 + wire),
    varint: (value) => (value < 0 ? negative(value) : unsigned(value)),
    double(value) {
      need(8);
      at -= 8;
      buffer.writeDoubleLE(value, at);
    },
    text(value) {
      if (value.length <= shortText && shortAscii(value)) return;
      const size = Buffer.byteLength(value);
      need(size);
      at -= size;
      buffer.write(value, at, 'utf8');
      unsigned(size);
    },
    bytes(value) {
      need(value.length);
      at -= value.length;
      buffer.set(value, at);
      unsigned(value.length);
    },
    take() {
      const taken = Buffer.allocUnsafeSlow(buffer.length - at);
      buffer.copy(taken, 0, at);
      reset();
      return taken;
    },
    reset,
  };
}

/** Bytes that a varint takes. */
export function sizeOf(value: number): number {
  let size = 1;
  for (let rest = value; rest >= 0x80; rest /= 0x80) size++;
  return size;
}
