/**
 * How many seats a request takes while it is worked on: one for each piece of work of about a millisecond. Upstream's `flowcontrol/request` lets no request
 * take more than ten, nor more than a part of its level, since others are worked on at the same time. Here all take turns on one thread: a long list that
 * takes most of its level's seats is done no later for it, and nothing else of its kind piles up before those that must not wait for it.
 */
import type { Catalog } from '#lib/kinds/catalog.ts';
import type { World } from '../store/world-types.ts';
import type { RequestInfo } from '../rest/request-info.ts';
import { prefixOf } from '../verbs/selection.ts';

const objectsPerSeat = 100;
const bytesPerSeat = 64 * 1024;

/** The seats of a request to a level whose widest take `widest`; `bodyBytes` is 0 without a body, and where its length is not known. */
export function seatsOf(
  info: RequestInfo,
  query: URLSearchParams,
  bodyBytes: number,
  widest: number,
  world: Pick<World, 'count'>,
  catalog: Pick<Catalog, 'at'>,
): number {
  const pieces = bodyBytes / bytesPerSeat + objectsOf(info, query, world, catalog) / objectsPerSeat;
  return Math.max(1, Math.min(widest, Math.ceil(pieces)));
}

/** How many objects are looked at. */
function objectsOf(
  { verb, name, group, version, resource, namespace, labelSelector, fieldSelector }: RequestInfo,
  query: URLSearchParams,
  world: Pick<World, 'count'>,
  catalog: Pick<Catalog, 'at'>,
): number {
  if (name !== '' || (verb !== 'list' && verb !== 'deletecollection' && verb !== 'watch')) return 1;
  if (verb === 'watch' && !startsWithState(query)) return 1;
  const kind = catalog.at(group, version, resource);
  if (!kind) return 1;
  const stored = world.count(prefixOf(kind, namespace));
  const limit = Number(query.get('limit') ?? 0);
  const isNarrowed = labelSelector !== '' || fieldSelector !== '';
  // Without a selector a page is read no further than it goes.
  return verb === 'list' && !isNarrowed && limit > 0 ? Math.min(limit, stored) : stored;
}

/** Whether a watch begins with all the objects that there are. */
function startsWithState(query: URLSearchParams): boolean {
  const initial = query.get('sendInitialEvents');
  if (initial !== null) return initial === 'true' || initial === '1';
  const revision = query.get('resourceVersion') ?? '';
  return revision === '' || revision === '0';
}
