/** GET: one object, a list, or a watch. */
import { badRequest, fieldForbidden, invalidObject, isReason } from '#lib/meta/errors.ts';
import { parseFieldSelector } from '#lib/meta/selectors.ts';
import { matchFaults } from '../verbs/list-mode.ts';
import type { Caller, WatchTarget } from '../verbs/types.ts';
import { includeOf, sendEntry, sendList } from './exchange.ts';
import type { Exchange, Serving } from './exchange.ts';
import { demandStream } from './negotiate.ts';
import type { Accepted } from './negotiate.ts';
import { isOn, listOptions, numberOf } from './query.ts';
import { watchStart } from './watch-start.ts';
import { makeWatchStream } from './watch-stream.ts';
import type { WatchSink } from './watch-sink.ts';
import type { WatchStream } from './watch-stream.ts';

/** Watches without a time limit of their own end after half an hour to an hour. */
const watchTimeoutMs = 30 * 60 * 1000;

/** A timer cannot be set for longer than 24 days. */
const longestMs = 24 * 24 * 60 * 60 * 1000;

export async function get(exchange: Exchange, accepted: Accepted, serving: Serving): Promise<void> {
  const { route, query, caller } = exchange;
  const { kind, subresource } = route;
  const resourceVersion = query.get('resourceVersion') ?? '';
  const entry = await serving.verbs.get(caller, kind, route, { resourceVersion, subresource });
  sendEntry(exchange, 200, entry, accepted, serving);
}

export async function list(exchange: Exchange, accepted: Accepted, serving: Serving): Promise<void> {
  const { route, query, caller } = exchange;
  const options = listOptions(query, route.namespace);
  const faults = [
    ...matchFaults(options),
    ...(query.has('sendInitialEvents')
      ? [fieldForbidden('sendInitialEvents', 'sendInitialEvents is forbidden for list')]
      : []),
  ];
  if (faults.length > 0) throw invalidObject({ group: 'meta.k8s.io', kind: 'ListOptions' }, '', faults);
  const result = await serving.verbs.list(caller, route.kind, options);
  await sendList(exchange, result, accepted, serving);
}

/** Streams until either side ends it, into what `openSink` opens once the watch is granted; `open` holds the streams that are under way. */
export async function watch(
  { route, query, caller, context }: Pick<Exchange, 'route' | 'query' | 'caller' | 'context'>,
  accepted: Accepted,
  { verbs, env }: Serving,
  open: Set<WatchStream>,
  openSink: () => WatchSink | Promise<WatchSink>,
): Promise<void> {
  const { kind, namespace } = route;
  demandStream(accepted);
  const { labelSelector = '', fieldSelector = '' } = listOptions(query, namespace);
  const from = watchStart(query);
  const include = includeOf(query);
  const seconds = numberOf(query, 'timeoutSeconds');
  const target = { kind, namespace, labelSelector, fieldSelector: named(route.name, fieldSelector) };
  const start = async (source?: { close(): void }): Promise<WatchStream> => {
    const sink = await openSink();
    const stream = makeWatchStream(
      sink,
      {
        kind,
        accepted,
        include,
        bookmarks: isOn(query, 'allowWatchBookmarks'),
        marksInitialState: from.marksState,
        timeoutMs: seconds ? Math.min(Math.max(seconds, 0) * 1000, longestMs) : watchTimeoutMs * (1 + env.random()),
      },
      env,
      (isDropped) => {
        context.isDropped = isDropped;
        open.delete(stream);
        source?.close();
      },
    );
    open.add(stream);
    if (sink.isOver()) stream.end();
    return stream;
  };
  if (from.atLeast !== undefined) await reach(verbs, caller, target, from.atLeast);
  let stream: WatchStream | undefined;
  // The stream begins once the watch is granted, which its first events may tell before verbs.watch() returns.
  const early: ((stream: WatchStream) => void)[] = [];
  const tell = (what: (stream: WatchStream) => void) => void (stream ? what(stream) : early.push(what));
  let source: { close(): void };
  try {
    source = await verbs.watch(caller, [target], from.after, {
      onChanges: (changes, revision, synced) =>
        tell((stream) => stream.onChanges(synced && !from.tellsState ? [] : changes, revision, synced)),
      onEnd: (error) => tell((stream) => stream.onEnd(error)),
    });
  } catch (error) {
    // A position that is gone is told as an event, which is where watchers look for it.
    if (!isReason(error, 'Expired')) throw error;
    (await start()).fail(error);
    return;
  }
  try {
    stream = await start(source);
  } catch (error) {
    source.close();
    throw error;
  }
  for (const what of early) what(stream);
}

/** Waits until the state is as new as a client has seen it elsewhere; one that is older than all that is kept has been reached long ago. */
async function reach(verbs: Serving['verbs'], caller: Caller, target: WatchTarget, revision: bigint): Promise<void> {
  try {
    (await verbs.watch(caller, [target], revision, { onChanges: () => {}, onEnd: () => {} })).close();
  } catch (error) {
    if (!isReason(error, 'Expired')) throw error;
  }
}

/** The field selector of a watch of one object by its path, which may say the same by a selector too. */
function named(name: string, fieldSelector: string): string {
  if (name === '') return fieldSelector;
  const terms = parseFieldSelector(fieldSelector);
  const chosen = terms.find(({ path, negate }) => path === 'metadata.name' && !negate);
  if (terms.length > 0 && chosen?.value !== name) {
    throw badRequest("fieldSelector metadata.name doesn't match requested name");
  }
  return terms.length > 0 ? fieldSelector : `metadata.name=${name.replaceAll(/[\\,=]/g, '\\$&')}`;
}
