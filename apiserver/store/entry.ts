/**
 * Objects as bytes: stored without resourceVersion, since that is the revision of the write itself, and served with it, spliced in without
 * parsing.
 */
import type { Resource } from '#lib/meta/object.ts';
import { makeSecondChance } from './second-chance.ts';
import type { Keeper } from './second-chance.ts';
import type { Entry } from './world-types.ts';

/** What the store keeps of an object: its JSON without resourceVersion, `metadata` in front where splicing finds it at once. */
export function encodeForStore(object: Resource): Buffer {
  const { apiVersion, kind, metadata, ...rest } = object;
  const { resourceVersion: _, ...kept } = metadata;
  return Buffer.from(JSON.stringify({ apiVersion, kind, metadata: kept, ...rest }));
}

/** The entry of a stored value. It is parsed when its object is first asked for; a writer who has the object gives it. */
export function entryOf(key: string, value: Buffer, revision: bigint, object?: Resource): Entry {
  return new StoredEntry(key, withRevision(value, revision), revision, object);
}

/** An object's last state, as of its deletion. */
export function entryOfDeletion(last: Entry, revision: bigint): Entry {
  const { key, bytes } = last;
  const from = bytes.indexOf(versionField) + versionField.length;
  const digits = bytes.indexOf('"', from);
  return new StoredEntry(key, splice(bytes, from, digits, String(revision)), revision, last.object);
}

/** Lets go of an entry's parsed object, which takes several times the room of its bytes; whoever asks for it again has it parsed anew. */
export function forgetObject(entry: Entry): void {
  if (entry instanceof StoredEntry) entry.forget();
}

/**
 * Parsed objects that are kept at a time. One takes about 4 KB and 10 µs to be made again, so that a list of more than these by labels parses some of
 * them each time.
 */
const objectLimit = 4096;
const mayKeep = makeSecondChance(objectLimit);

class StoredEntry implements Entry, Keeper {
  readonly key: string;
  readonly bytes: Buffer;
  readonly revision: bigint;
  /** The object but for its resourceVersion, until it is first asked for. */
  #given: Resource | undefined;
  #object: Resource | undefined;
  #used = false;

  constructor(key: string, bytes: Buffer, revision: bigint, given: Resource | undefined) {
    this.key = key;
    this.bytes = bytes;
    this.revision = revision;
    this.#given = given;
    if (given) mayKeep(this);
  }

  get object(): Resource {
    this.#used = true;
    if (!this.#object) {
      if (this.#given) this.#object = revised(this.#given, this.revision);
      else {
        this.#object = JSON.parse(this.bytes.toString()) as Resource;
        mayKeep(this);
      }
      this.#given = undefined;
    }
    return this.#object;
  }

  takeUse(): boolean {
    const used = this.#used;
    this.#used = false;
    return used;
  }

  forget(): void {
    this.#object = undefined;
    this.#given = undefined;
  }
}

const metadataField = Buffer.from('"metadata":{');
const versionField = Buffer.from('"metadata":{"resourceVersion":"');

function revised(object: Resource, revision: bigint): Resource {
  return { ...object, metadata: { ...object.metadata, resourceVersion: String(revision) } };
}

function withRevision(value: Buffer, revision: bigint): Buffer {
  const at = metadataAt(value);
  const comma = value[at] === 0x7d ? '' : ',';
  return splice(value, at, at, `"resourceVersion":"${revision}"${comma}`);
}

/** A buffer of its own: long-lived values must not keep a whole message, or a shared pool, in memory. */
function splice(bytes: Buffer, from: number, to: number, insert: string): Buffer {
  const result = Buffer.allocUnsafeSlow(bytes.length - (to - from) + insert.length);
  bytes.copy(result, 0, 0, from);
  result.write(insert, from, 'latin1');
  bytes.copy(result, from + insert.length, to);
  return result;
}

/** Where the fields of the top-level `metadata` begin. */
function metadataAt(value: Buffer): number {
  for (let at = value.indexOf(metadataField); at >= 0; at = value.indexOf(metadataField, at + 1)) {
    // Deeper down it is the metadata of some inner object, such as a pod template.
    if (depthAt(value, at) === 1) return at + metadataField.length;
  }
  throw new TypeError('Cannot read a stored value: it has no metadata');
}

/** How many braces and brackets are open before `end`. */
function depthAt(value: Buffer, end: number): number {
  let depth = 0;
  for (let at = 0; at < end; at++) {
    const byte = value[at];
    if (byte === 0x22) at = endOfString(value, at);
    else if (byte === 0x7b || byte === 0x5b) depth++;
    else if (byte === 0x7d || byte === 0x5d) depth--;
  }
  return depth;
}

/** Where the string that begins at `start` ends. */
function endOfString(value: Buffer, start: number): number {
  let at = start + 1;
  while (value[at] !== 0x22) at += value[at] === 0x5c ? 2 : 1;
  return at;
}
