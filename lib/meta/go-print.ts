/** JSON values as Go prints them by `%v`, which upstream shows of patches that do not fit. */

/** Maps with their keys in order, lists with spaces, text as it is. */
export function goPrint(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(goPrint).join(' ')}]`;
  if (value === null || value === undefined) return '<nil>';
  if (typeof value !== 'object') return String(value);
  const map = value as Readonly<Record<string, unknown>>;
  const names = Object.keys(map).sort();
  return `map[${names.map((name) => `${name}:${goPrint(map[name])}`).join(' ')}]`;
}

/** The Go type that a JSON value is decoded to where no type is wanted. */
export function goDynamicType(value: unknown): string {
  if (Array.isArray(value)) return '[]interface {}';
  switch (typeof value) {
    case 'string':
      return 'string';
    case 'boolean':
      return 'bool';
    case 'number':
      return Number.isInteger(value) ? 'int64' : 'float64';
    default:
      return value === null || value === undefined ? '%!s(<nil>)' : 'map[string]interface {}';
  }
}
