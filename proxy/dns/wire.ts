/**
 * Answers as bytes, with names compressed (RFC 1035, 4.1.4), which the dns-packet library does not do: without it a Service of
 * nine endpoints no longer fits into a plain UDP answer. Pure.
 */

export type Record =
  | { type: 'A' | 'CNAME' | 'NS' | 'PTR' | 'TXT'; name: string; ttl: number; data: string }
  | { type: 'SRV'; name: string; ttl: number; data: { priority: number; weight: number; port: number; target: string } }
  | {
      type: 'SOA';
      name: string;
      ttl: number;
      data: {
        mname: string;
        rname: string;
        serial: number;
        refresh: number;
        retry: number;
        expire: number;
        minimum: number;
      };
    };

const codes = { NOERROR: 0, FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5 } as const;
export type Code = keyof typeof codes;

export interface Reply {
  id: number;
  /** Bytes of the question section as they were asked; empty when it could not be read. */
  question: Buffer;
  code: Code;
  authoritative: boolean;
  recursionDesired: boolean;
  recursionAvailable: boolean;
  answers: readonly Record[];
  authorities: readonly Record[];
  additionals: readonly Record[];
  /** Whether the asker speaks EDNS, and so gets our payload size. */
  edns: boolean;
}

/** The largest UDP answer that is not fragmented anywhere (DNS flag day 2020). */
export const payloadBytes = 1232;

const types = { A: 1, NS: 2, CNAME: 5, SOA: 6, PTR: 12, TXT: 16, SRV: 33 } as const;
const headerBytes = 12;
const optBytes = 11;

/** The reply in at most `limitBytes`; records that do not fit are left out and the reply says that it is truncated. */
export function encodeReply(reply: Reply, limitBytes: number): Buffer {
  const { question, edns } = reply;
  const writer = makeWriter();
  writer.bytes(Buffer.alloc(headerBytes));
  writer.bytes(question);
  if (question.length > 0) writer.remember(question.subarray(0, -4), headerBytes);
  const room = limitBytes - (edns ? optBytes : 0);
  let truncated = false;
  const section = (records: readonly Record[]): number => {
    let count = 0;
    for (const record of records) {
      const before = writer.length;
      writeRecord(writer, record);
      if (writer.length > room) {
        writer.cut(before);
        truncated = true;
        break;
      }
      count++;
    }
    return count;
  };
  const answers = section(reply.answers);
  const authorities = truncated ? 0 : section(reply.authorities);
  const complete = !truncated;
  // What is only additional may be missing without a word.
  let additionals = complete ? section(reply.additionals) : 0;
  truncated = !complete;
  if (edns) {
    additionals++;
    writer.bytes(Buffer.from([0, 0, 41, payloadBytes >> 8, payloadBytes & 255, 0, 0, 0, 0, 0, 0]));
  }
  const packet = writer.done();
  packet.writeUInt16BE(reply.id, 0);
  packet.writeUInt16BE(flagsOf(reply, truncated), 2);
  packet.writeUInt16BE(question.length > 0 ? 1 : 0, 4);
  packet.writeUInt16BE(answers, 6);
  packet.writeUInt16BE(authorities, 8);
  packet.writeUInt16BE(additionals, 10);
  return packet;
}

function flagsOf(reply: Reply, truncated: boolean): number {
  const flag = (on: boolean, bit: number) => (on ? 1 << bit : 0);
  return (
    flag(true, 15) |
    flag(reply.authoritative, 10) |
    flag(truncated, 9) |
    flag(reply.recursionDesired, 8) |
    flag(reply.recursionAvailable, 7) |
    codes[reply.code]
  );
}

function writeRecord(writer: Writer, record: Record): void {
  writer.name(record.name);
  writer.number(types[record.type], 2);
  writer.number(1, 2);
  writer.number(record.ttl, 4);
  const lengthAt = writer.length;
  writer.number(0, 2);
  writeData(writer, record);
  writer.patch(writer.length - lengthAt - 2, lengthAt);
}

function writeData(writer: Writer, record: Record): void {
  switch (record.type) {
    case 'A':
      writer.bytes(Buffer.from(record.data.split('.').map(Number)));
      break;
    case 'TXT':
      writer.bytes(Buffer.from([record.data.length]));
      writer.bytes(Buffer.from(record.data, 'latin1'));
      break;
    case 'SRV':
      writer.number(record.data.priority, 2);
      writer.number(record.data.weight, 2);
      writer.number(record.data.port, 2);
      // RFC 2782 forbids compression here.
      writer.plainName(record.data.target);
      break;
    case 'SOA':
      writer.name(record.data.mname);
      writer.name(record.data.rname);
      for (const field of ['serial', 'refresh', 'retry', 'expire', 'minimum'] as const)
        writer.number(record.data[field], 4);
      break;
    default:
      writer.name(record.data);
  }
}

type Writer = ReturnType<typeof makeWriter>;

function makeWriter() {
  let buffer = Buffer.alloc(1024);
  let length = 0;
  /** Lower-case name -> where it begins. */
  const places = new Map<string, number>();
  const need = (more: number) => {
    if (length + more <= buffer.length) return;
    const larger = Buffer.alloc(Math.max(buffer.length * 2, length + more));
    buffer.copy(larger, 0, 0, length);
    buffer = larger;
  };
  const number = (value: number, bytes: 1 | 2 | 4) => {
    need(bytes);
    length = buffer.writeUIntBE(value, length, bytes);
  };
  const label = (text: string) => {
    number(text.length, 1);
    need(text.length);
    length += buffer.write(text, length, 'latin1');
  };
  return {
    get length() {
      return length;
    },
    number,
    bytes(bytes: Buffer) {
      need(bytes.length);
      length += bytes.copy(buffer, length);
    },
    /** Overwrites a two-byte number. */
    patch(value: number, at: number) {
      buffer.writeUInt16BE(value, at);
    },
    /** A name, with its known tail as a pointer. */
    name(name: string) {
      const labels = name.split('.').filter((part) => part !== '');
      for (let i = 0; i < labels.length; i++) {
        const tail = labels.slice(i).join('.').toLowerCase();
        const place = places.get(tail);
        if (place !== undefined) return number(0xc000 | place, 2);
        if (length < 0x4000) places.set(tail, length);
        label(labels[i]!);
      }
      number(0, 1);
    },
    plainName(name: string) {
      for (const part of name.split('.').filter((part) => part !== '')) label(part);
      number(0, 1);
    },
    /** Makes the labels of a name that was written as bytes known. */
    remember(encoded: Buffer, at: number) {
      const labels: { text: string; at: number }[] = [];
      for (let i = 0; i < encoded.length && encoded[i] !== 0; i += encoded[i]! + 1)
        labels.push({ text: encoded.toString('latin1', i + 1, i + 1 + encoded[i]!), at: at + i });
      labels.forEach(({ at }, i) =>
        places.set(
          labels
            .slice(i)
            .map(({ text }) => text)
            .join('.')
            .toLowerCase(),
          at,
        ),
      );
    },
    /** Takes back everything from `at` on. */
    cut(at: number) {
      length = at;
      for (const [name, place] of places) if (place >= at) places.delete(name);
    },
    done: () => buffer.subarray(0, length),
  };
}
