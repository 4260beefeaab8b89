/** The messages of etcd's key-value calls. Field numbers as in etcd's rpc.proto and kv.proto; the fields we do not use are left out. */
import protobuf from 'protobufjs';
import type { Answer, ConditionalWrite, Kept } from './etcd-write.ts';

const root = protobuf.parse(`
  syntax = "proto3";
  message Header { int64 revision = 3; }
  message KeyValue { bytes key = 1; int64 create_revision = 2; int64 mod_revision = 3; bytes value = 5; }
  message RangeRequest { bytes key = 1; bytes range_end = 2; int64 limit = 3; int64 revision = 4; }
  message RangeResponse { Header header = 1; repeated KeyValue kvs = 2; bool more = 3; int64 count = 4; }
  message PutRequest { bytes key = 1; bytes value = 2; int64 lease = 3; }
  message DeleteRequest { bytes key = 1; }
  message Compare { int32 result = 1; int32 target = 2; bytes key = 3; int64 mod_revision = 6; }
  message Op { RangeRequest range = 1; PutRequest put = 2; DeleteRequest delete = 3; }
  message OpResponse { RangeResponse range = 1; }
  message TxnRequest { repeated Compare compare = 1; repeated Op success = 2; repeated Op failure = 3; }
  message StatusResponse { int64 size = 3; }
  message TxnResponse { Header header = 1; bool succeeded = 2; repeated OpResponse responses = 3; }
`).root;
const rangeRequest = root.lookupType('RangeRequest');
const rangeResponse = root.lookupType('RangeResponse');
const txnRequest = root.lookupType('TxnRequest');
const statusResponse = root.lookupType('StatusResponse');
const txnResponse = root.lookupType('TxnResponse');

type Long = number | { toNumber(): number };

interface KeyValue {
  key: Buffer;
  createRevision: Long;
  modRevision: Long;
  value: Buffer;
}

interface RangeResponse {
  header: { revision: Long };
  kvs: KeyValue[];
  more: boolean;
  count: Long;
}

interface TxnResponse {
  header: { revision: Long };
  succeeded: boolean;
  responses: { range: RangeResponse | null }[];
}

export interface Page {
  items: Kept[];
  more: boolean;
  /** Keys in the range, whatever the limit. */
  count: number;
  /** Of the store when it answered. */
  revision: bigint;
}

/** Asks for the keys from `from` to before `to`, or for `from` alone; a limit of 0 is none, a revision of 0n the latest. */
export function encodeRange(from: string, to: string | undefined, limit: number, revision: bigint): Uint8Array {
  const rangeEnd = to === undefined ? undefined : Buffer.from(to);
  return rangeRequest.encode({ key: Buffer.from(from), rangeEnd, limit, revision: Number(revision) }).finish();
}

export function decodeRange(bytes: Buffer): Page {
  const { header, kvs, more, count } = rangeResponse.decode(bytes) as unknown as RangeResponse;
  return { items: kvs.map(keptOf), more, count: numberOf(count), revision: revisionOf(header.revision) };
}

/** Puts or deletes the key if it is still at the expected revision; else asks for its state. */
export function encodeWrite({ key, value, expected }: ConditionalWrite, lease: string | undefined): Uint8Array {
  const bytes = Buffer.from(key);
  return txnRequest
    .encode({
      compare: [{ key: bytes, target: compareModRevision, modRevision: Number(expected) }],
      success: [
        value ? { put: { key: bytes, value, ...(lease !== undefined && { lease }) } } : { delete: { key: bytes } },
      ],
      failure: [{ range: { key: bytes } }],
    })
    .finish();
}

/** Of `Compare.CompareTarget`; the result compared for, equality, is 0. */
const compareModRevision = 2;

export function decodeWrite(bytes: Buffer): Answer {
  const { header, succeeded, responses } = txnResponse.decode(bytes) as unknown as TxnResponse;
  const found = succeeded ? undefined : responses[0]?.range?.kvs[0];
  return { done: succeeded, current: found && keptOf(found), revision: revisionOf(header.revision) };
}

/** The size of the database, of an answer to `Maintenance/Status`, in bytes. */
export function decodeSize(bytes: Buffer): number {
  return numberOf((statusResponse.decode(bytes) as unknown as { size: Long }).size);
}

function keptOf({ key, value, modRevision, createRevision }: KeyValue): Kept {
  return { key: key.toString(), value, revision: revisionOf(modRevision), created: revisionOf(createRevision) };
}

/** Revisions count single changes and stay below 2^53 for all time. */
function revisionOf(value: Long): bigint {
  return BigInt(numberOf(value));
}

function numberOf(value: Long): number {
  return typeof value === 'number' ? value : value.toNumber();
}
