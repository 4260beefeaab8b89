/** Objects as the audit log holds them. */

/** The JSON text of a value, or of the bytes of one, in one line. `omitManagedFields`: without who owns which field, in the object, in a list's items and a table's rows. */
export function objectText(value: unknown, omitManagedFields: boolean): string {
  // Between the tokens of JSON a line's end means nothing, and within strings it is escaped.
  if (!omitManagedFields)
    return Buffer.isBuffer(value) ? value.toString().replaceAll(/[\r\n]/g, '') : JSON.stringify(value);
  return JSON.stringify(trimmed(Buffer.isBuffer(value) ? JSON.parse(value.toString()) : value));
}

interface Objects {
  metadata?: { managedFields?: unknown };
  items?: unknown;
  rows?: unknown;
}

function trimmed(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const { metadata, items, rows, ...rest } = value as Objects;
  return {
    ...rest,
    ...(metadata !== undefined && { metadata: { ...metadata, managedFields: undefined } }),
    ...(items !== undefined && { items: Array.isArray(items) ? items.map(trimmed) : items }),
    ...(rows !== undefined && { rows: Array.isArray(rows) ? rows.map(trimmedRow) : rows }),
  };
}

function trimmedRow(row: unknown): unknown {
  const { object } = (row ?? {}) as { object?: unknown };
  return object === undefined ? row : { ...(row as object), object: trimmed(object) };
}
