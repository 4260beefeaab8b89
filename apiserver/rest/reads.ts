/** GET: one object, a list, or a watch. */
import { badRequest, fieldForbidden, invalidObject, isReason } from '#lib/meta/errors.ts';
import type { ApiError } from '#lib/meta/errors.ts';
import { parseRevision } from '../verbs/reader.ts';
import { includeOf, sendEntry, sendList } from './exchange.ts';
import type { Exchange, Serving } from './exchange.ts';
import { demandStream } from './negotiate.ts';
import type { Accepted } from './negotiate.ts';
import { isOn, listOptions, numberOf } from './query.ts';
import { makeWatchStream } from './watch-stream.ts';
import type { WatchStream } from './watch-stream.ts';

/** Watches without a time limit of their own end after half an hour to an hour. */
const watchTimeoutMs = 30 * 60 * 1000;

export async function get(exchange: Exchange, accepted: Accepted, serving: Serving): Promise<void> {
  const { route, query, caller } = exchange;
  const { kind, subresource } = route;
  const resourceVersion = query.get('resourceVersion') ?? '';
  const entry = await serving.verbs.get(caller, kind, route, { resourceVersion, subresource });
  sendEntry(exchange, 200, entry, accepted, serving);
}

export async function list(exchange: Exchange, accepted: Accepted, serving: Serving): Promise<void> {
  const { route, query, caller } = exchange;
  if (query.has('sendInitialEvents')) throw refused('sendInitialEvents is forbidden for list', 'sendInitialEvents');
  const result = await serving.verbs.list(caller, route.kind, listOptions(query, route.namespace));
  await sendList(exchange, result, accepted, serving);
}

/** Streams until either side ends it; `open` holds the streams that are under way. */
export async function watch(
  exchange: Exchange,
  accepted: Accepted,
  { verbs, env }: Serving,
  open: Set<WatchStream>,
): Promise<void> {
  const { response, route, query, caller } = exchange;
  const { kind, namespace, name } = route;
  demandStream(accepted);
  const { labelSelector = '', fieldSelector = '' } = listOptions(query, namespace);
  const start = watchStart(query);
  const include = includeOf(query);
  const seconds = numberOf(query, 'timeoutSeconds');
  const target = {
    kind,
    namespace,
    labelSelector,
    fieldSelector: name ? [fieldSelector, `metadata.name=${name}`].filter(Boolean).join(',') : fieldSelector,
  };
  let source: { close(): void } | undefined;
  let stream: WatchStream | undefined;
  // The head of the answer goes out once the watch is granted, which its first event may tell before verbs.watch() returns.
  const started = () => {
    if (stream) return stream;
    const made = makeWatchStream(
      response,
      {
        kind,
        accepted,
        include,
        bookmarks: isOn(query, 'allowWatchBookmarks'),
        marksInitialState: start.marksInitialState,
        timeoutMs: seconds ? seconds * 1000 : watchTimeoutMs * (1 + env.random()),
      },
      env,
      () => {
        open.delete(made);
        source?.close();
      },
    );
    open.add(made);
    return (stream = made);
  };
  if (start.atLeast !== undefined)
    await verbs.list(caller, kind, { namespace, limit: 1, resourceVersion: start.atLeast });
  try {
    source = await verbs.watch(caller, [target], start.after, {
      onChanges: (changes, revision, synced) => started().onChanges(changes, revision, synced),
      onEnd: (error) => started().onEnd(error),
    });
  } catch (error) {
    // A position that is gone is told as an event, which is where watchers look for it.
    if (!isReason(error, 'Expired')) throw error;
    started().fail(error);
    return;
  }
  started();
  if (response.destroyed || response.writableEnded) source.close();
}

interface WatchStart {
  /** Undefined: the present state first. */
  after: bigint | undefined;
  /** The state must be at least this new. */
  atLeast?: string;
  marksInitialState: boolean;
}

/** Where a watch begins, as upstream's `resourceVersion` and `sendInitialEvents` say. */
function watchStart(query: URLSearchParams): WatchStart {
  const text = query.get('resourceVersion') ?? '';
  const revision = parseRevision(text);
  const match = query.get('resourceVersionMatch') ?? '';
  if (!query.has('sendInitialEvents')) {
    if (match) throw refused('resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided');
    return { after: revision === 0n ? undefined : revision, marksInitialState: false };
  }
  if (match !== 'NotOlderThan')
    throw refused('sendInitialEvents requires setting resourceVersionMatch to NotOlderThan');
  if (!isOn(query, 'sendInitialEvents')) {
    if (revision === undefined || revision === 0n)
      throw badRequest('sendInitialEvents=false requires a resourceVersion');
    return { after: revision, marksInitialState: false };
  }
  return {
    after: undefined,
    ...(revision !== undefined && revision !== 0n && { atLeast: text }),
    marksInitialState: isOn(query, 'allowWatchBookmarks'),
  };
}

function refused(because: string, field = 'resourceVersionMatch'): ApiError {
  return invalidObject({ group: 'meta.k8s.io', kind: 'ListOptions' }, '', [fieldForbidden(field, because)]);
}
