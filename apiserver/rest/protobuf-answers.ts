/** Stored objects in protobuf: each is encoded once, and lists are put together from what they hold. */
import type { Kind } from '#lib/kinds/define-kind.ts';
import type { Entry } from '../store/world-types.ts';
import type { ListResult } from '../verbs/types.ts';
import { makeEntryCache } from './entry-cache.ts';
import { encodeMessage } from './protobuf-encode.ts';
import { envelope, field, prefix } from './protobuf.ts';
import { listMeta } from './shapes.ts';

/** Messages of objects that are kept for their next readers. */
const messages = makeEntryCache(32 * 1024 * 1024);

/** The message of an object, without its type. */
function messageOf(kind: Kind, entry: Entry): Buffer {
  return messages(entry, () => encodeMessage(kind.schema, entry.object));
}

/** An object in an envelope. */
export function entryEnvelope(kind: Kind, entry: Entry): Buffer {
  return Buffer.concat(envelope(kind, [messageOf(kind, entry)]));
}

/** A list in an envelope, in parts: the shared messages of its items. */
export function listEnvelope(kind: Kind, list: ListResult): Buffer[] {
  const metadata = encodeMessage('io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta', listMeta(list));
  const parts = [field(1, metadata)];
  for (const entry of list.entries) {
    const message = messageOf(kind, entry);
    parts.push(prefix(2, message.length), message);
  }
  return envelope({ apiVersion: kind.apiVersion, kind: `${kind.kind}List` }, parts);
}
