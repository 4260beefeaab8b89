/** How many seats a request takes, as upstream's `flowcontrol/request`: a list of many objects takes more than one. */
import { kindAt } from '#lib/kinds/index.ts';
import type { World } from '../store/world-types.ts';
import type { RequestInfo } from '../rest/request-info.ts';
import { prefixOf } from '../verbs/selection.ts';

const mostSeats = 10;
const objectsPerSeat = 100;

/** The part of its level that a single request may take. */
const mostOfLevel = 0.15;

/** The seats of the widest request that a level with so many seats of its own lets through as it is. */
export function widestOf(nominal: number): number {
  return Math.min(mostSeats, Math.max(1, Math.floor(nominal * mostOfLevel)));
}

/** The seats of a request to a level whose widest take `widest`. */
export function seatsOf(
  { verb, name, group, version, resource, namespace, labelSelector, fieldSelector }: RequestInfo,
  query: URLSearchParams,
  widest: number,
  world: Pick<World, 'count'>,
): number {
  if ((verb !== 'list' && verb !== 'watch') || name !== '' || widest === 1) return 1;
  if (verb === 'watch' && !startsWithState(query)) return 1;
  const kind = kindAt(group, version, resource);
  if (!kind) return 1;
  const stored = world.count(prefixOf(kind, namespace));
  const limit = Number(query.get('limit') ?? 0);
  const isNarrowed = labelSelector !== '' || fieldSelector !== '';
  // Without a selector a page is read no further than it goes.
  const objects = verb === 'list' && !isNarrowed && limit > 0 ? Math.min(limit, stored) : stored;
  return Math.min(widest, Math.max(1, Math.ceil(objects / objectsPerSeat)));
}

/** Whether a watch begins with all the objects that there are. */
function startsWithState(query: URLSearchParams): boolean {
  const initial = query.get('sendInitialEvents');
  if (initial !== null) return initial === 'true' || initial === '1';
  const revision = query.get('resourceVersion') ?? '';
  return revision === '' || revision === '0';
}
