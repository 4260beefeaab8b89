/** A watch as a client reads it: one JSON line per event, with bookmarks, an end in time, and a bound on what a slow reader may leave unread. */
import type { Env } from '#lib/env/env.ts';
import type { Kind } from '#lib/kinds/define-kind.ts';
import { ApiError } from '#lib/meta/errors.ts';
import type { Entry } from '../store/world-types.ts';
import type { WatchChange, WatchHandlers } from '../verbs/types.ts';
import { mediaTypes } from './negotiate.ts';
import type { Accepted } from './negotiate.ts';
import { metadataOf, tableOf } from './shapes.ts';
import type { IncludeObject } from './shapes.ts';
import type { Response } from './answer.ts';

export interface WatchStreamOptions {
  kind: Kind;
  accepted: Accepted;
  include: IncludeObject;
  /** Whether the client reads bookmarks. */
  bookmarks: boolean;
  /** Whether the end of the initial state is told by a bookmark. */
  marksInitialState: boolean;
  timeoutMs: number;
}

export interface WatchStream extends WatchHandlers {
  /** Sends the failure as the last event and ends. */
  fail(error: ApiError): void;
  /** Ends without a word, as when the server stops. */
  end(): void;
}

const bookmarkEveryMs = 60_000;

/** Sent a little before the time is up, so that the client goes on from there. */
const lastBookmarkBeforeMs = 2000;

/** Unread bytes at which a watcher is dropped; it lists again. */
const unreadLimitBytes = 32 * 1024 * 1024;

const frames = {
  ADDED: Buffer.from('{"type":"ADDED","object":'),
  MODIFIED: Buffer.from('{"type":"MODIFIED","object":'),
  DELETED: Buffer.from('{"type":"DELETED","object":'),
};
const lineEnd = Buffer.from('}\n');

/** Lines of events, made once for all watchers of an entry. */
const lines = new WeakMap<Entry, Partial<Record<WatchChange['type'], Buffer>>>();

/** Starts the answer. `onClose` runs once, when either side has ended it. */
export function makeWatchStream(
  response: Response,
  options: WatchStreamOptions,
  env: Env,
  onClose: () => void,
): WatchStream {
  const { kind, accepted } = options;
  let reached = 0n;
  let withColumns = true;
  let closed = false;
  const cancels = new Set<() => void>();

  const close = () => {
    if (closed) return;
    closed = true;
    for (const cancel of cancels) cancel();
    onClose();
  };
  const write = (bytes: Buffer | string) => {
    if (closed) return;
    if (!response.write(bytes) && response.writableLength > unreadLimitBytes) {
      env.log.warn('A watcher reads too slowly and is dropped', {
        kind: kind.plural,
        unreadBytes: response.writableLength,
      });
      response.destroy();
      close();
    }
  };
  const end = () => {
    if (closed) return;
    response.end();
    close();
  };
  const lineOf = (change: WatchChange): Buffer => {
    if (accepted.shape === 'object') return sharedLine(change);
    const shaped = shapeOf(change.entry);
    return Buffer.from(`${JSON.stringify({ type: change.type, object: shaped })}\n`);
  };
  const shapeOf = (entry: Entry): object => {
    if (accepted.shape === 'metadata') return metadataOf(entry.object, accepted.version);
    const { resourceVersion } = entry.object.metadata;
    const table = tableOf(
      kind,
      [entry],
      { resourceVersion },
      {
        version: accepted.version,
        include: options.include,
        now: env.now(),
        withColumns,
      },
    );
    withColumns = false;
    return table;
  };
  const bookmark = (annotations?: Record<string, string>) => {
    const metadata = { resourceVersion: String(reached), creationTimestamp: null, ...(annotations && { annotations }) };
    const object =
      accepted.shape === 'metadata'
        ? { kind: 'PartialObjectMetadata', apiVersion: `meta.k8s.io/${accepted.version}`, metadata }
        : { kind: kind.kind, apiVersion: kind.apiVersion, metadata };
    write(`${JSON.stringify({ type: 'BOOKMARK', object })}\n`);
  };
  const later = (delayMs: number, run: () => void) => {
    const cancel = env.after(delayMs, () => {
      cancels.delete(cancel);
      run();
    });
    cancels.add(cancel);
  };
  const bookmarkRegularly = () =>
    later(bookmarkEveryMs, () => {
      bookmark();
      bookmarkRegularly();
    });

  response.writeHead(200, { 'content-type': mediaTypes.json, 'cache-control': 'no-cache, private' });
  response.flushHeaders();
  response.on('close', close);
  response.on('error', close);
  later(options.timeoutMs, end);
  if (options.bookmarks) {
    bookmarkRegularly();
    if (options.timeoutMs > lastBookmarkBeforeMs) later(options.timeoutMs - lastBookmarkBeforeMs, bookmark);
  }

  return {
    onChanges(changes, revision, synced) {
      reached = revision;
      if (changes.length === 1) write(lineOf(changes[0]!));
      else if (changes.length > 1) write(Buffer.concat(changes.map(lineOf)));
      if (synced && options.marksInitialState) {
        bookmark({
          'k8s.io/initial-events-end': 'true',
          'kubernetes.io/initial-events-list-blueprint': blueprintOf(kind),
        });
      }
    },
    onEnd(error) {
      this.fail(error instanceof ApiError ? error : new ApiError('InternalError', error.message));
    },
    fail(error) {
      write(`${JSON.stringify({ type: 'ERROR', object: error.toStatus() })}\n`);
      end();
    },
    end,
  };
}

function sharedLine({ type, entry }: WatchChange): Buffer {
  let known = lines.get(entry);
  if (!known) lines.set(entry, (known = {}));
  return (known[type] ??= Buffer.concat([frames[type], entry.bytes, lineEnd]));
}

/** An empty list of the kind, which tells clients how to put the events together. */
function blueprintOf(kind: Kind): string {
  const list = { kind: `${kind.kind}List`, apiVersion: kind.apiVersion, metadata: {}, items: [] };
  return Buffer.from(JSON.stringify(list)).toString('base64');
}
