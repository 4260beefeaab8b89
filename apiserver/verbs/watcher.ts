/** Watches over one or several kinds: the world's events, narrowed to what each target selects. */
import type { Kind } from '#lib/kinds/define-kind.ts';
import { expired } from '#lib/meta/errors.ts';
import type { Resource } from '#lib/meta/object.ts';
import { ExpiredPosition } from '../store/world-types.ts';
import type { World, WorldEvent } from '../store/world-types.ts';
import { entryOfDeletion } from '../store/entry.ts';
import { entryAs, objectAs } from './entries.ts';
import { selectionOf } from './selection.ts';
import type { Selection } from './selection.ts';
import type { WatchChange, WatchHandlers, WatchTarget } from './types.ts';

type Watched = Selection & { kind: Kind };

/** Starts a watch after `after`, or with the present state. Throws Expired when the position is gone. */
export function startWatch(
  world: World,
  targets: readonly WatchTarget[],
  after: bigint | undefined,
  handlers: WatchHandlers,
): { close(): void } {
  const selections = targets.map((target): Watched => ({ ...selectionOf(target.kind, target), kind: target.kind }));
  const prefixes = [...new Set(selections.map((selection) => selection.prefix))];
  const single = selections.length === 1;
  const start = after ?? world.revision;
  const onEvents = (events: readonly WorldEvent[], revision: bigint) => {
    const changes: WatchChange[] = [];
    for (const event of events) {
      for (let target = 0; target < selections.length; target++) {
        const selection = selections[target]!;
        if (!single && !event.entry.key.startsWith(selection.prefix)) continue;
        const change = seenBy(selection, event);
        if (change) changes.push({ ...change, target });
      }
    }
    handlers.onChanges(changes, revision, false);
  };
  try {
    // Nothing can happen between here and the listing below, since both run in one turn.
    const subscription = world.subscribe(prefixes, start, {
      onEvents,
      onLost: () => handlers.onEnd(expired()),
    });
    if (after === undefined) handlers.onChanges(stateOf(world, selections), start, true);
    return subscription;
  } catch (error) {
    if (error instanceof ExpiredPosition)
      throw expired(`too old resource version: ${start} (${world.oldestOf(prefixes)})`);
    throw error;
  }
}

function stateOf(world: World, selections: readonly Watched[]): WatchChange[] {
  return selections.flatMap(({ kind, prefix, onlyKey, filter }, target) => {
    const only = onlyKey === undefined ? undefined : world.get(onlyKey);
    const entries = onlyKey === undefined ? [...world.list(prefix)] : only ? [only] : [];
    return entries
      .map((entry) => entryAs(kind, entry))
      .filter((entry) => !filter || filter(entry.object))
      .map((entry): WatchChange => ({ type: 'ADDED', target, entry }));
  });
}

/** The event as a watcher of this selection sees it; undefined when it concerns only objects that are not selected. */
function seenBy({ kind, onlyKey, filter }: Watched, event: WorldEvent): Omit<WatchChange, 'target'> | undefined {
  const { entry, before } = event;
  if (onlyKey !== undefined && entry.key !== onlyKey) return undefined;
  const selects = (object: Resource) => !filter || filter(objectAs(kind, object));
  if (event.type === 'DELETE')
    return selects(entry.object) ? { type: 'DELETED', entry: entryAs(kind, entry) } : undefined;
  const matched = before !== undefined && selects(before.object);
  if (selects(entry.object)) return { type: matched ? 'MODIFIED' : 'ADDED', entry: entryAs(kind, entry) };
  if (!matched) return undefined;
  return { type: 'DELETED', entry: entryAs(kind, entryOfDeletion(before, event.revision)) };
}
