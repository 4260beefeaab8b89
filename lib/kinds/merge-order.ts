/** In which order a list stands after a strategic merge. */
import { plainError } from '#lib/meta/errors.ts';
import type { ApiError } from '#lib/meta/errors.ts';
import { goDynamicType, goPrint } from '#lib/meta/go-print.ts';
import { isMap } from '#lib/meta/json-map.ts';

/**
 * Items that the order names stand in its order; the others keep the order they had, and their place before those that followed them in
 * the original. `pk` tells items apart; without one they are scalars.
 */
export function orderedAs(
  merged: readonly unknown[],
  order: readonly unknown[],
  original: readonly unknown[],
  pk: string | undefined,
): unknown[] {
  const wanted = ranksOf(order, pk);
  const place = ranksOf(original, pk);
  const keyed = merged.map((item) => ({ item, key: keyIn(item, pk) }));
  const named = keyed.filter(({ key }) => wanted.has(key)).sort((a, b) => wanted.get(a.key)! - wanted.get(b.key)!);
  const others = keyed
    .filter(({ key }) => !wanted.has(key))
    .sort((a, b) => (place.get(a.key) ?? Infinity) - (place.get(b.key) ?? Infinity) || 0);
  const result: unknown[] = [];
  let next = 0;
  for (const { item, key } of named) {
    const at = place.get(key) ?? -1;
    while (next < others.length && (place.get(others[next]!.key) ?? Infinity) < at) result.push(others[next++]!.item);
    result.push(item);
  }
  return [...result, ...others.slice(next).map(({ item }) => item)];
}

function ranksOf(list: readonly unknown[], pk: string | undefined): Map<unknown, number> {
  const ranks = new Map<unknown, number>();
  list.forEach((item, i) => {
    const key = keyIn(item, pk);
    if (!ranks.has(key)) ranks.set(key, i);
  });
  return ranks;
}

function keyIn(item: unknown, pk: string | undefined): unknown {
  if (pk === undefined) return item;
  if (!isMap(item)) throw wrongType('map[string]interface {}', item);
  if (!Object.hasOwn(item, pk)) throw plainError(`map: ${goPrint(item)} does not contain declared merge key: ${pk}`);
  return item[pk];
}

/** Upstream's complaint about a value of another type than a directive needs. */
export function wrongType(wanted: string, value: unknown): ApiError {
  return plainError(`expected a ${wanted}, but received a ${goDynamicType(value)}`);
}
