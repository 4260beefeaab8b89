/** Whether a JSON value nests at most this many levels of maps and lists. Code that walks a value by recursion needs such a bound. */
export function isWithin(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  if (levels === 0) return false;
  for (const item of Array.isArray(value) ? (value as unknown[]) : Object.values(value)) {
    if (!isWithin(item, levels - 1)) return false;
  }
  return true;
}
