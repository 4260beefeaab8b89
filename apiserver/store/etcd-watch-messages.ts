/** The messages of etcd's Watch, and how they become batches: fragments are put together, half a revision is never shown. */
import protobuf from 'protobufjs';
import type { StoreBatch, StoreEvent } from './types.ts';

/** Field numbers as in etcd's rpc.proto and kv.proto; the fields we do not read are left out. */
const root = protobuf.parse(`
  syntax = "proto3";
  message Create { bytes key = 1; bytes range_end = 2; int64 start_revision = 3; bool fragment = 8; }
  message Request { Create create_request = 1; }
  message Header { int64 revision = 3; }
  message KeyValue { bytes key = 1; int64 mod_revision = 3; bytes value = 5; }
  message Event { int32 type = 1; KeyValue kv = 2; }
  message Response {
    Header header = 1; bool created = 3; bool canceled = 4; int64 compact_revision = 5; string cancel_reason = 6; bool fragment = 7;
    repeated Event events = 11;
  }
`).root;
const requestType = root.lookupType('Request');
const responseType = root.lookupType('Response');

type Long = number | { toNumber(): number };

interface Response {
  header: { revision: Long } | null;
  created: boolean;
  canceled: boolean;
  compactRevision: Long;
  cancelReason: string;
  fragment: boolean;
  events: { type: number; kv: { key: Buffer; modRevision: Long; value: Buffer } }[];
}

export interface WatchMessage {
  /** The store's revision when etcd made the message. */
  revision: bigint;
  created: boolean;
  canceled: boolean;
  compacted: boolean;
  cancelReason: string;
  /** More of the same follows. */
  fragment: boolean;
  events: StoreEvent[];
}

/**
 * Asks for all changes from revision `start`, of all keys whatever: so every revision shows itself in order, and a caller who waits for one needs no
 * progress request, whose answer etcd before 3.4.25 sends ahead of the events it speaks of.
 */
export function encodeWatchRequest(start: bigint): Buffer {
  const everything = Buffer.from([0]);
  const create = { key: everything, rangeEnd: everything, startRevision: Number(start), fragment: true };
  return requestType.encode({ createRequest: create }).finish() as Buffer;
}

export function decodeWatchMessage(bytes: Buffer): WatchMessage {
  const message = responseType.decode(bytes) as unknown as Response;
  return {
    revision: revisionOf(message.header?.revision ?? 0),
    created: message.created,
    canceled: message.canceled,
    compacted: revisionOf(message.compactRevision) > 0n,
    cancelReason: message.cancelReason,
    fragment: message.fragment,
    events: message.events.map(({ type, kv }) => ({
      type: type === 1 ? 'DELETE' : 'PUT',
      key: kv.key.toString(),
      value: kv.value,
      revision: revisionOf(kv.modRevision),
    })),
  };
}

/** Takes a stream's messages one by one and gives what is complete: every revision once, whole, in order. */
export function makeAssembler(after: bigint): (message: WatchMessage) => StoreBatch | undefined {
  let reached = after;
  let held: StoreEvent[] = [];
  return (message) => {
    const events = [...held, ...message.events.filter((event) => event.revision > reached)];
    // The last revision of a fragment may go on in the next one.
    const open = message.fragment ? events.at(-1)?.revision : undefined;
    held = events.filter((event) => event.revision === open);
    const whole = events.slice(0, events.length - held.length);
    const revision = whole.at(-1)?.revision;
    if (revision === undefined) return undefined;
    reached = revision;
    return { events: whole, revision };
  };
}

/** Revisions count single changes and stay below 2^53 for all time. */
function revisionOf(value: Long): bigint {
  return BigInt(typeof value === 'number' ? value : value.toNumber());
}
