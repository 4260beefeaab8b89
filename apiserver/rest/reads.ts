/** GET: one object, a list, or a watch. */
import { badRequest, fieldForbidden, invalidObject, isReason } from '#lib/meta/errors.ts';
import { parseFieldSelector } from '#lib/meta/selectors.ts';
import { matchFaults } from '../verbs/list-mode.ts';
import type { Caller, WatchTarget } from '../verbs/types.ts';
import { isGone } from './answer.ts';
import { includeOf, sendEntry, sendList } from './exchange.ts';
import type { Exchange, Serving } from './exchange.ts';
import { demandStream } from './negotiate.ts';
import type { Accepted } from './negotiate.ts';
import { isOn, listOptions, numberOf } from './query.ts';
import { watchStart } from './watch-start.ts';
import { makeWatchStream } from './watch-stream.ts';
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

/** Streams until either side ends it; `open` holds the streams that are under way. */
export async function watch(
  exchange: Exchange,
  accepted: Accepted,
  { verbs, env }: Serving,
  open: Set<WatchStream>,
): Promise<void> {
  const { response, route, query, caller } = exchange;
  const { kind, namespace } = route;
  demandStream(accepted);
  const { labelSelector = '', fieldSelector = '' } = listOptions(query, namespace);
  const start = watchStart(query);
  const include = includeOf(query);
  const seconds = numberOf(query, 'timeoutSeconds');
  const target = { kind, namespace, labelSelector, fieldSelector: named(route.name, fieldSelector) };
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
        marksInitialState: start.marksState,
        timeoutMs: seconds ? Math.min(Math.max(seconds, 0) * 1000, longestMs) : watchTimeoutMs * (1 + env.random()),
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
  if (start.atLeast !== undefined) await reach(verbs, caller, target, start.atLeast);
  try {
    source = await verbs.watch(caller, [target], start.after, {
      onChanges: (changes, revision, synced) =>
        started().onChanges(synced && !start.tellsState ? [] : changes, revision, synced),
      onEnd: (error) => started().onEnd(error),
    });
  } catch (error) {
    // A position that is gone is told as an event, which is where watchers look for it.
    if (!isReason(error, 'Expired')) throw error;
    started().fail(error);
    return;
  }
  started();
  if (isGone(response) || response.writableEnded) source.close();
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
