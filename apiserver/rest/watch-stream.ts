/** A watch as a client reads it: its events, with bookmarks, an end in time, and a bound on what a slow reader may leave unread. */
import type { Env } from '#lib/env/env.ts';
import type { Kind } from '#lib/kinds/define-kind.ts';
import { ApiError } from '#lib/meta/errors.ts';
import type { WatchHandlers } from '../verbs/types.ts';
import type { Accepted } from './negotiate.ts';
import type { IncludeObject } from './shapes.ts';
import { makeWatchEvents } from './watch-events.ts';
import { makeWatchQueue } from './watch-queue.ts';
import type { WatchSink } from './watch-sink.ts';

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

/** Starts the stream. `onClose` runs once, when either side has ended it, and hears whether that was because the client read too slowly. */
export function makeWatchStream(
  sink: WatchSink,
  options: WatchStreamOptions,
  env: Env,
  onClose: (isDropped: boolean) => void,
): WatchStream {
  const { kind } = options;
  const events = makeWatchEvents(kind, options.accepted, options.include, env);
  let reached = 0n;
  let closed = false;
  const cancels = new Set<() => void>();

  const close = (isDropped = false) => {
    if (closed) return;
    closed = true;
    for (const cancel of cancels) cancel();
    onClose(isDropped);
  };
  const queue = makeWatchQueue(sink, unreadLimitBytes, events.change, (unreadBytes) => {
    env.log.warn('A watcher reads too slowly and is dropped', { kind: kind.plural, unreadBytes });
    close(true);
    sink.destroy();
  });
  const bookmark = (annotations?: Record<string, string>) => {
    if (!closed) queue.pushBytes(events.bookmark(reached, annotations));
  };
  const end = () => {
    if (closed) return;
    sink.end();
    close();
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

  sink.begin(events.contentType);
  sink.onClose(() => close());
  later(options.timeoutMs, end);
  if (options.bookmarks) {
    bookmarkRegularly();
    if (options.timeoutMs > lastBookmarkBeforeMs) {
      later(options.timeoutMs - lastBookmarkBeforeMs, () => bookmark());
    }
  }

  return {
    onChanges(changes, revision, synced) {
      reached = revision;
      if (closed) return;
      if (changes.length > 0) queue.push(changes, synced);
      if (synced && options.marksInitialState) {
        const annotations = {
          'k8s.io/initial-events-end': 'true',
          'kubernetes.io/initial-events-list-blueprint': events.blueprint(),
        };
        bookmark(annotations);
      }
    },
    onEnd(error) {
      this.fail(error instanceof ApiError ? error : new ApiError('InternalError', error.message));
    },
    fail(error) {
      if (closed) return;
      queue.pushBytes(events.failure(error));
      queue.endAfter();
      close();
    },
    end,
  };
}
