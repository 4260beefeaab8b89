/** Get and list, with upstream's meanings of resourceVersion. */
import type { Kind } from '#lib/kinds/define-kind.ts';
import { ApiError, badRequest, isReason, notFound } from '#lib/meta/errors.ts';
import type { Ref } from '#lib/meta/object.ts';
import { CompactedError } from '../store/types.ts';
import type { Store } from '../store/types.ts';
import type { Entry, World } from '../store/world-types.ts';
import { readToken, writeToken } from './continue-token.ts';
import { entryAs, entryOfStored } from './entries.ts';
import { listMode, parseRevision } from './list-mode.ts';
import { selectionOf, storageKey } from './selection.ts';
import type { Selection } from './selection.ts';
import type { ListOptions, ListResult } from './types.ts';
import { unreadableItem, unreadableObject } from './unreadable.ts';

export interface Reader {
  get(kind: Kind, ref: Ref, resourceVersion?: string): Promise<Entry>;
  list(kind: Kind, options: ListOptions): Promise<ListResult>;
  /** Waits until the world has reached a client's revision; throws Timeout when that is too far off. */
  reach(revision: bigint): Promise<void>;
}

/** Keys read from the store at a time for a page of the past. */
const chunk = 500;

/** How long a read waits for a revision that a client has seen and this server has not. */
const reachTimeoutMs = 3000;

export function makeReader(store: Store, world: World): Reader {
  const reach = async (revision: bigint): Promise<void> => {
    if (revision <= world.revision) return;
    if (revision > (await world.sync())) throw tooLarge(revision, world.revision);
    await world.waitFor(revision, reachTimeoutMs);
  };

  const nowPage = (kind: Kind, { prefix, onlyKey, filter }: Selection, limit: number): ListResult => {
    const revision = world.revision;
    const bad = world.unreadable(onlyKey ?? prefix);
    if (bad) throw unreadableItem(bad.key, bad.fault);
    const entries: Entry[] = [];
    if (onlyKey !== undefined) {
      const found = world.get(onlyKey);
      const entry = found && entryAs(kind, found);
      if (entry && (!filter || filter(entry.object))) entries.push(entry);
      return { entries, revision, continue: '' };
    }
    for (const found of world.list(prefix)) {
      const entry = entryAs(kind, found);
      if (filter && !filter(entry.object)) continue;
      if (limit > 0 && entries.length === limit) {
        const after = entries.at(-1)!.key;
        return {
          entries,
          revision,
          continue: writeToken(prefix, { revision, after }),
          ...(!filter && { remainingItemCount: world.count(prefix) - limit }),
        };
      }
      entries.push(entry);
    }
    return { entries, revision, continue: '' };
  };

  const pastPage = async (
    kind: Kind,
    { prefix, filter }: Selection,
    limit: number,
    at: { revision: bigint | undefined; after?: string },
  ): Promise<ListResult> => {
    const entries: Entry[] = [];
    let { revision, after } = at;
    for (;;) {
      const size = limit > 0 && !filter ? limit : chunk;
      const page = await store.list(prefix, {
        limit: size,
        ...(after !== undefined && { after }),
        ...(revision !== undefined && { revision }),
      });
      revision ??= page.revision;
      for (const [i, stored] of page.items.entries()) {
        after = stored.key;
        if (stored.fault) throw unreadableItem(stored.key, stored.fault);
        const entry = entryAs(kind, entryOfStored(stored));
        if (filter && !filter(entry.object)) continue;
        entries.push(entry);
        const left = page.items.length - i - 1 + page.remaining;
        if (entries.length === limit && left > 0) {
          return {
            entries,
            revision,
            continue: writeToken(prefix, { revision, after }),
            ...(!filter && { remainingItemCount: left }),
          };
        }
      }
      if (!page.more) return { entries, revision, continue: '' };
    }
  };

  /** A page of a revision that has not come to be is nothing that this server, or another, began. */
  const reachPage = async (revision: bigint): Promise<void> => {
    try {
      await reach(revision);
    } catch (error) {
      if (isReason(error, 'Timeout')) throw badRequest('invalid continue token: continue key is not valid');
      throw error;
    }
  };

  return {
    reach,

    async get(kind, ref, resourceVersion) {
      const revision = parseRevision(resourceVersion);
      if (revision === undefined) await world.sync();
      else await reach(revision);
      const key = storageKey(kind, ref);
      const entry = world.get(key);
      if (!entry) {
        const bad = world.unreadable(key);
        throw bad ? unreadableObject(bad.fault) : notFound(kind, ref.name);
      }
      return entryAs(kind, entry);
    },

    async list(kind, options) {
      const selection = selectionOf(kind, options);
      const { exact, atLeast, limit } = listMode(options);
      if (options.continue) {
        const position = readToken(selection.prefix, options.continue);
        if (position.revision !== undefined) await reachPage(position.revision);
        try {
          return await pastPage(kind, selection, limit, position);
        } catch (error) {
          if (!(error instanceof CompactedError)) throw error;
          throw continueExpired(writeToken(selection.prefix, { ...position, revision: undefined }));
        }
      }
      if (exact !== undefined && exact !== world.revision) {
        await reach(exact);
        if (exact !== world.revision) {
          try {
            return await pastPage(kind, selection, limit, { revision: exact });
          } catch (error) {
            if (!(error instanceof CompactedError)) throw error;
            throw new ApiError('Expired', `The resourceVersion for the provided list is too old.`);
          }
        }
      }
      if (atLeast === undefined) await world.sync();
      else await reach(atLeast);
      return nowPage(kind, selection, limit);
    },
  };
}

function tooLarge(wanted: bigint, current: bigint): ApiError {
  return new ApiError('Timeout', `Timeout: Too large resource version: ${wanted}, current: ${current}`, {
    retryAfterSeconds: 1,
    causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
  });
}

function continueExpired(inconsistent: string): ApiError {
  return new ApiError(
    'Expired',
    'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.',
    undefined,
    { continue: inconsistent },
  );
}
