/**
 * WatchBatch messages, written by hand: objects are copied once, straight from the bytes that all watchers share, and watchers who get the same
 * batch get the same message.
 */
import { WatchEventType } from '#protos/gen/cluster.ts';
import type { WatchChange } from '../verbs/types.ts';

export interface Batch {
  changes: readonly WatchChange[];
  revision: bigint;
  synced: boolean;
}

/** Field numbers and wire types of protos/wherry/v1/cluster.proto: tag = number * 8 + type (0 varint, 2 length-delimited). */
const tags = {
  events: 0x0a,
  revision: 0x12,
  synced: 0x18,
  eventType: 0x08,
  eventTarget: 0x10,
  eventObject: 0x1a,
} as const;

/** Makes an encoder that remembers its last message: fan-out encodes the same batch for one watcher after the other. */
export function makeBatchEncoder(): (batch: Batch) => Buffer {
  let last: { batch: Batch; message: Buffer } | undefined;
  return (batch) => {
    if (last && isSame(last.batch, batch)) return last.message;
    last = { batch, message: encodeBatch(batch) };
    return last.message;
  };
}

export function encodeBatch({ changes, revision, synced }: Batch): Buffer {
  const digits = String(revision);
  const sizes = changes.map(sizeOfEvent);
  let total = 1 + varintSize(digits.length) + digits.length + (synced ? 2 : 0);
  for (const size of sizes) total += 1 + varintSize(size) + size;
  const message = Buffer.allocUnsafe(total);
  let at = 0;
  const putVarint = (value: number) => {
    let rest = value;
    for (; rest > 0x7f; rest >>>= 7) message[at++] = (rest & 0x7f) | 0x80;
    message[at++] = rest;
  };
  changes.forEach(({ type, target, entry }, i) => {
    message[at++] = tags.events;
    putVarint(sizes[i]!);
    if (type === 'DELETED') {
      message[at++] = tags.eventType;
      putVarint(WatchEventType.DELETE);
    }
    if (target !== 0) {
      message[at++] = tags.eventTarget;
      putVarint(target);
    }
    message[at++] = tags.eventObject;
    putVarint(entry.bytes.length);
    at += entry.bytes.copy(message, at);
  });
  message[at++] = tags.revision;
  putVarint(digits.length);
  at += message.write(digits, at, 'latin1');
  if (synced) {
    message[at++] = tags.synced;
    message[at++] = 1;
  }
  return message;
}

function sizeOfEvent({ type, target, entry }: WatchChange): number {
  const { length } = entry.bytes;
  return (type === 'DELETED' ? 2 : 0) + (target === 0 ? 0 : 1 + varintSize(target)) + 1 + varintSize(length) + length;
}

function varintSize(value: number): number {
  let size = 1;
  for (let rest = value; rest > 0x7f; rest >>>= 7) size++;
  return size;
}

function isSame(a: Batch, b: Batch): boolean {
  if (a.revision !== b.revision || a.synced !== b.synced || a.changes.length !== b.changes.length) return false;
  return a.changes.every((change, i) => {
    const other = b.changes[i]!;
    const sameType = (change.type === 'DELETED') === (other.type === 'DELETED');
    return sameType && change.target === other.target && change.entry === other.entry;
  });
}
