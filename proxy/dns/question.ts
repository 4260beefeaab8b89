/** Reads what a client asks. Pure. */
import { decode } from 'dns-packet';
import type { DecodedPacket } from 'dns-packet';
import { payloadBytes } from './wire.ts';

export interface Query {
  id: number;
  recursionDesired: boolean;
  name: string;
  /** Such as `A`, or `UNKNOWN_65` for a type without a name. */
  type: string;
  /** The question section as it came. */
  question: Buffer;
  edns: boolean;
  /** The largest UDP answer the client takes. */
  limitBytes: number;
}

/** Why a packet has no answer of its own. */
export interface BadQuery {
  id: number;
  code: 'FORMERR' | 'NOTIMP';
}

const headerBytes = 12;
const plainLimitBytes = 512;

/** The query in a packet; undefined for what must not be answered at all: an answer, or noise. */
export function readQuery(packet: Buffer): Query | BadQuery | undefined {
  if (packet.length < headerBytes || packet[2]! & 0x80) return undefined;
  const id = packet.readUInt16BE(0);
  if (((packet[2]! >> 3) & 15) !== 0) return { id, code: 'NOTIMP' };
  let decoded: DecodedPacket;
  try {
    decoded = decode(packet);
  } catch {
    return { id, code: 'FORMERR' };
  }
  const [question] = decoded.questions ?? [];
  if (!question || decoded.questions!.length !== 1) return { id, code: 'FORMERR' };
  const extension = decoded.additionals?.find((record) => record.type === 'OPT');
  const asked = extension?.type === 'OPT' ? extension.udpPayloadSize : plainLimitBytes;
  return {
    id,
    recursionDesired: (packet[2]! & 1) === 1,
    name: question.name,
    type: question.type,
    question: packet.subarray(headerBytes, endOfName(packet, headerBytes) + 4),
    edns: extension !== undefined,
    limitBytes: Math.min(Math.max(asked, plainLimitBytes), payloadBytes),
  };
}

/** A question's name is never compressed: there is nothing before it to point to. */
function endOfName(packet: Buffer, at: number): number {
  while (packet[at] !== 0) at += packet[at]! + 1;
  return at + 1;
}
