/** Values as Go writes them in messages (`%q`, `%#v`): what upstream's clients read in "Invalid value: ...". */

/** Text that stands in a message as it is, where a plain string would be quoted. */
export class GoText {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** A value as a field error shows it: strings quoted, numbers plain, plain lists and maps with their Go types. */
export function goText(value: unknown): string {
  if (value instanceof GoText) return value.text;
  switch (typeof value) {
    case 'string':
      return goQuote(value);
    case 'object':
      break;
    case 'undefined':
      return '"null"';
    default:
      return String(value);
  }
  if (value === null) return '"null"';
  if (Array.isArray(value)) {
    const type = value.every((item) => typeof item === 'number') && value.length > 0 ? 'int32' : 'string';
    return `[]${type}{${value.map(goText).join(', ')}}`;
  }
  return goMap(value as Record<string, unknown>);
}

/** A map of strings with its keys in order, as Go writes maps. */
function goMap(map: Readonly<Record<string, unknown>>): string {
  const entries = Object.keys(map).sort();
  return `map[string]string{${entries.map((key) => `${goQuote(key)}:${goText(map[key])}`).join(', ')}}`;
}

/** A list of a named type; `type` as in `core.IPFamily`. An absent one is nil. */
export function goList(type: string, list: readonly unknown[] | undefined): GoText {
  return list ? writtenOnce(list, () => `[]${type}{${list.map(goText).join(', ')}}`) : new GoText(`[]${type}(nil)`);
}

let written: Map<object, GoText> | undefined;

/** The text of a list that each of its items may have a fault of: made once, and forgotten when the check of the object is over. */
export function writtenOnce(list: object, make: () => string): GoText {
  if (!written) {
    written = new Map();
    queueMicrotask(() => (written = undefined));
  }
  let text = written.get(list);
  if (!text) written.set(list, (text = new GoText(make())));
  return text;
}

/** A map of strings that may be absent. */
export function goLabels(map: Readonly<Record<string, string>> | undefined): GoText {
  return new GoText(map ? goMap(map) : 'map[string]string(nil)');
}

/** A number or a percentage. */
export function goIntOrString(value: number | string | undefined): GoText {
  const [type, number, text] = typeof value === 'string' ? [1, 0, value] : [0, value ?? 0, ''];
  return new GoText(`intstr.IntOrString{Type:${type}, IntVal:${number}, StrVal:${goQuote(text)}}`);
}

const escapes: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\u0007': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
};

/** A string in quotes as Go's `%q` has it: what cannot be printed is escaped. */
export function goQuote(text: string): string {
  if (/^[ !#-[\]-~]*$/.test(text)) return `"${text}"`;
  let quoted = '"';
  for (const character of text) {
    quoted += escapes[character] ?? (isPrintable(character) ? character : escapeOf(character.codePointAt(0)!));
  }
  return `${quoted}"`;
}

/** Letters, marks, numbers, punctuation, symbols, and of the spaces the plain one alone. */
function isPrintable(character: string): boolean {
  return /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u.test(character);
}

function escapeOf(code: number): string {
  if (code < 0x80) return `\\x${code.toString(16).padStart(2, '0')}`;
  return code > 0xffff ? `\\U${code.toString(16).padStart(8, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`;
}
