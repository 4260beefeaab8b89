/**
 * The difference of two API objects as upstream's messages show it (go-cmp's `Diff`): Go notation, `-` before what was and `+`
 * before what would be, two equal fields around each change. go-cmp varies its blanks on purpose, so that nothing compares it.
 */
import { equal } from '#lib/meta/equal.ts';
import { goQuote } from '#lib/meta/go-text.ts';
import { schemaType, type SchemaField } from '../schema.ts';
import { asOnServer, goFieldName, goFields, goTypeName } from './go-value.ts';

type Json = Readonly<Record<string, unknown>>;
type Sign = ' ' | '-' | '+';

/** A line of a list: its name if it has one, its text, and whether it tells of a change. */
interface Line {
  sign: Sign;
  name?: string;
  text: string;
}

/** One field or item: equal on both sides if it is a single line with no sign. */
type Entry = Line[];

/** How many equal entries are shown beside a change. */
const context = 2;

/** The struct of this definition name before and now; `title` is its name on the server. Ends with a line feed. */
export function goDiff(schema: string, before: object, now: object, title = goTypeName(schema)): string {
  const text = structDiff(schema, before as Json, now as Json, 1);
  return `  ${title}${text}\n`;
}

function structDiff(schema: string, before: Json, now: Json, depth: number): string {
  const [old, next] = [asOnServer(schema, before), asOnServer(schema, now)];
  const entries = goFields(schema).map(({ name, field, isPointer }) =>
    entryOf(field, isPointer, goFieldName(name), old[name], next[name], depth),
  );
  return block(entries, 'field', depth);
}

function entryOf(
  field: SchemaField,
  isPointer: boolean,
  name: string | undefined,
  before: unknown,
  now: unknown,
  depth: number,
): Entry {
  const line = (sign: Sign, text: string): Line => ({ sign, text, ...(name !== undefined && { name }) });
  if (equal(before, now)) return [line(' ', shortText(field, before, isPointer))];
  const inner = before !== undefined && now !== undefined ? innerDiff(field, isPointer, before, now, depth) : undefined;
  if (inner !== undefined) return [line(' ', inner)];
  return [
    ...(name === undefined && before === undefined ? [] : [line('-', fullText(field, before, isPointer))]),
    ...(name === undefined && now === undefined ? [] : [line('+', fullText(field, now, isPointer))]),
  ];
}

/** The difference inside of something that both sides have; absent for what has no inside. */
function innerDiff(
  field: SchemaField,
  isPointer: boolean,
  before: unknown,
  now: unknown,
  depth: number,
): string | undefined {
  if (field.$ref && schemaType(field.$ref).props) {
    const type = isPointer ? `&${goTypeName(field.$ref)}` : goTypeName(field.$ref);
    return type + structDiff(field.$ref, before as Json, now as Json, depth + 1);
  }
  const { items, additionalProperties } = field;
  if (field.type === 'array' && items?.$ref) {
    const [old, next] = [before as unknown[], now as unknown[]];
    const entries = Array.from({ length: Math.max(old.length, next.length) }, (_, i) => {
      const entry = entryOf(items, false, undefined, old[i], next[i], depth + 1);
      // Items do not repeat the type that the list has said.
      return entry.map((line) => ({ ...line, text: line.text.replace(/^[A-Za-z]\w*\.\w+(?=\{)/, '') }));
    });
    return typeText(field) + block(entries, 'element', depth + 1);
  }
  if (field.type === 'object' && additionalProperties) {
    const [old, next] = [before as Json, now as Json];
    const keys = [...new Set([...Object.keys(old), ...Object.keys(next)])].sort();
    const entries = keys.map((key) => {
      const lines = entryOf(additionalProperties, false, goQuote(key), old[key], next[key], depth + 1);
      return lines.filter(({ sign }) => sign === ' ' || Object.hasOwn(sign === '-' ? old : next, key));
    });
    return typeText(field) + block(entries, 'entry', depth + 1);
  }
  return undefined;
}

/** Entries between braces, those far from any change only counted. */
function block(entries: readonly Entry[], noun: 'field' | 'element' | 'entry', depth: number): string {
  const isChange = entries.map(
    (entry) => entry.length !== 1 || entry[0]!.sign !== ' ' || entry[0]!.text.includes('\n'),
  );
  const isNear = (i: number) => isChange.slice(Math.max(0, i - context), i + context + 1).includes(true);
  const shown = entries.map((_, i) => isNear(i));
  const lines: Line[] = [];
  for (let i = 0; i < entries.length; i++) {
    if (shown[i]) lines.push(...entries[i]!);
    else {
      let end = i;
      while (end < entries.length && !shown[end]) end++;
      // One alone is shown: counting it takes as much room.
      if (end - i === 1) lines.push(...entries[i]!);
      else lines.push({ sign: ' ', text: `... // ${end - i} identical ${plural(noun)}` });
      i = end - 1;
    }
  }
  const tabs = '\t'.repeat(depth);
  const rows = lines.map(({ sign, name, text }) => {
    const start = `${sign} ${tabs}${name === undefined ? '' : `${name}: `}`;
    return text.startsWith('...') ? `${start}${text}` : `${start}${text},`;
  });
  return `{\n${rows.join('\n')}\n  ${'\t'.repeat(depth - 1)}}`;
}

function plural(noun: string): string {
  return noun === 'entry' ? 'entries' : `${noun}s`;
}

/** A value with its type, as of a change. */
function fullText(field: SchemaField, value: unknown, isPointer: boolean): string {
  if (value === undefined) return emptyText(field, isPointer);
  const text = shortText(field, value, isPointer);
  if (field.$ref && !isPointer) return goTypeName(field.$ref) + text;
  if (field.$ref) return `&${goTypeName(field.$ref)}${text.slice(1)}`;
  return (field.type === 'array' || field.type === 'object') && !isPointer ? typeText(field) + text : text;
}

/** A value without types and without what is empty. */
function shortText(field: SchemaField, value: unknown, isPointer = false): string {
  if (value === undefined) return emptyText(field, isPointer);
  return (isPointer ? '&' : '') + plainText(field, value);
}

function plainText(field: SchemaField, value: unknown): string {
  if (Array.isArray(value)) return `{${value.map((item) => shortText(field.items ?? {}, item)).join(', ')}}`;
  if (field.$ref) {
    const held = asOnServer(field.$ref, value as Json);
    const parts = goFields(field.$ref)
      .filter(({ name }) => held[name] !== undefined)
      .map(({ name, field: inner, isPointer }) => `${goFieldName(name)}: ${shortText(inner, held[name], isPointer)}`);
    return `{${parts.join(', ')}}`;
  }
  if (typeof value === 'object') {
    const keys = Object.keys(value as Json).sort();
    const inner = field.additionalProperties ?? {};
    return `{${keys.map((key) => `${goQuote(key)}: ${shortText(inner, (value as Json)[key])}`).join(', ')}}`;
  }
  if (field.type === 'quantity') return `{s: ${goQuote(String(value))}}`;
  return typeof value === 'string' ? goQuote(value) : String(value);
}

function emptyText(field: SchemaField, isPointer: boolean): string {
  if (isPointer || field.type === 'array' || field.type === 'object') return 'nil';
  if (field.$ref) return '{}';
  if (field.type === 'boolean') return 'false';
  return field.type === 'integer' || field.type === 'number' ? '0' : '""';
}

function typeText(field: SchemaField): string {
  if (field.type === 'array') return `[]${typeText(field.items ?? {})}`;
  if (field.type !== 'object') return field.$ref ? goTypeName(field.$ref) : 'string';
  const inner = field.additionalProperties ?? {};
  return inner.type === 'quantity' ? 'core.ResourceList' : `map[string]${typeText(inner)}`;
}
