/** The events of a watch as bytes, in the format and shape that the client accepts. What all watchers of an object read alike is made once. */
import type { Env } from '#lib/env/env.ts';
import type { Kind } from '#lib/kinds/define-kind.ts';
import type { ApiError } from '#lib/meta/errors.ts';
import type { Entry } from '../store/world-types.ts';
import type { WatchChange } from '../verbs/types.ts';
import { makeEntryCache } from './entry-cache.ts';
import { mediaTypes } from './negotiate.ts';
import type { Accepted } from './negotiate.ts';
import { entryEnvelope } from './protobuf-answers.ts';
import { encodeEnvelope, field } from './protobuf.ts';
import type { Typed } from './protobuf.ts';
import { metadataOf, tableOf } from './shapes.ts';
import type { IncludeObject } from './shapes.ts';

export interface WatchEvents {
  contentType: string;
  change(change: WatchChange): Buffer;
  /** Tells which revision has been reached. */
  bookmark(revision: bigint, annotations?: Record<string, string>): Buffer;
  failure(error: ApiError): Buffer;
  /** An empty list in base64, which tells clients how to put the events together. */
  blueprint(): string;
}

/** The types of meta/v1 WatchEvent. */
type EventType = WatchChange['type'] | 'BOOKMARK' | 'ERROR';

/** Bytes of events that are kept for further watchers, which all ask in the same turn. */
const sharedBytes = 1024 * 1024;

export function makeWatchEvents(kind: Kind, accepted: Accepted, include: IncludeObject, env: Env): WatchEvents {
  const { shape, version } = accepted;
  const { contentType, event, shared, objectBytes } = accepted.format === 'protobuf' ? protobuf : json;
  let withColumns = true;

  const shapeOf = (entry: Entry): Typed => {
    if (shape === 'metadata') return metadataOf(entry.object, version);
    const { resourceVersion } = entry.object.metadata;
    const options = { version, include, now: env.now(), withColumns };
    withColumns = false;
    return tableOf(kind, [entry], { resourceVersion }, options);
  };
  const listType = () =>
    shape === 'metadata'
      ? { kind: 'PartialObjectMetadataList', apiVersion: `meta.k8s.io/${version}` }
      : { kind: `${kind.kind}List`, apiVersion: kind.apiVersion };

  return {
    contentType,
    change(change) {
      return shape === 'object' ? shared(kind, change) : event(change.type, objectBytes(shapeOf(change.entry)));
    },
    bookmark(revision, annotations) {
      const metadata = {
        resourceVersion: String(revision),
        creationTimestamp: null,
        ...(annotations && { annotations }),
      };
      if (shape === 'table') {
        return event('BOOKMARK', objectBytes(tableOf(kind, [], metadata, { version, include, now: 0, withColumns })));
      }
      const type =
        shape === 'metadata'
          ? { kind: 'PartialObjectMetadata', apiVersion: `meta.k8s.io/${version}` }
          : { kind: kind.kind, apiVersion: kind.apiVersion };
      const object = { ...type, metadata };
      return event('BOOKMARK', objectBytes(object));
    },
    failure: (error) => event('ERROR', objectBytes(error.toStatus())),
    blueprint() {
      const list = { ...listType(), metadata: {}, items: [] };
      return objectBytes(list).toString('base64');
    },
  };
}

interface Format {
  contentType: string;
  objectBytes(object: Typed): Buffer;
  event(type: EventType, object: Buffer): Buffer;
  /** The event of a change to an object as it is. */
  shared(kind: Kind, change: WatchChange): Buffer;
}

/** One line per event. */
const json: Format = {
  contentType: mediaTypes.json,
  objectBytes: (object) => Buffer.from(JSON.stringify(object)),
  event: (type, object) => Buffer.concat([heads[type], object, lineEnd]),
  shared: (_kind, { type, entry }) => lines[type](entry, () => json.event(type, entry.bytes)),
};

/** One frame per event: its length in four bytes, and a WatchEvent whose object is an envelope. */
const protobuf: Format = {
  contentType: `${mediaTypes.protobuf};stream=watch`,
  objectBytes: (object) => encodeEnvelope(object)!,
  event(type, object) {
    const message = [field(1, Buffer.from(type)), field(2, field(1, object))];
    const length = Buffer.allocUnsafe(4);
    length.writeUInt32BE(message[0]!.length + message[1]!.length);
    return Buffer.concat([length, ...message]);
  },
  shared: (kind, { type, entry }) => frames[type](entry, () => protobuf.event(type, entryEnvelope(kind, entry))),
};

const head = (type: EventType) => Buffer.from(`{"type":"${type}","object":`);
const heads: Record<EventType, Buffer> = {
  ADDED: head('ADDED'),
  MODIFIED: head('MODIFIED'),
  DELETED: head('DELETED'),
  BOOKMARK: head('BOOKMARK'),
  ERROR: head('ERROR'),
};
const lineEnd = Buffer.from('}\n');

const makeCaches = () => ({
  ADDED: makeEntryCache(sharedBytes),
  MODIFIED: makeEntryCache(sharedBytes),
  DELETED: makeEntryCache(sharedBytes),
});
const lines = makeCaches();
const frames = makeCaches();
