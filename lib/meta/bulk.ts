/** How much a JSON value holds. A small text can make very many values, and checking them is what costs. */

export interface Bulk {
  /** Maps, lists and scalars altogether. */
  values: number;
  /** Items of the longest list. */
  items: number;
}

/** The value must not nest deeply. */
export function bulkOf(value: unknown): Bulk {
  const bulk = { values: 0, items: 0 };
  count(value, bulk);
  return bulk;
}

function count(value: unknown, bulk: Bulk): void {
  bulk.values++;
  if (typeof value !== 'object' || value === null) return;
  const members = Array.isArray(value) ? (value as unknown[]) : Object.values(value);
  if (Array.isArray(value)) bulk.items = Math.max(bulk.items, value.length);
  for (const member of members) count(member, bulk);
}
