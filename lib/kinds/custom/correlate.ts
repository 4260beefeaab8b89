/** Which item of a list was another before: only lists that are maps by keys can tell. */
import { isMap } from '#lib/meta/json-map.ts';

/** Finds the item of `before` that has the same keys; undefined for every item of other lists. */
export function earlierItems(
  listType: string | undefined,
  keys: readonly string[],
  before: unknown,
): (item: unknown) => unknown {
  if (listType !== 'map' || !Array.isArray(before)) return () => undefined;
  const keysOf = (item: unknown) => JSON.stringify(keys.map((key) => (isMap(item) ? item[key] : undefined)));
  const byKeys = new Map(before.map((item) => [keysOf(item), item as unknown]));
  return (item) => byKeys.get(keysOf(item));
}
