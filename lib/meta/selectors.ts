/** Label and field selectors: parsing, matching, and writing them back as text. */
import { badRequest } from './errors.ts';

export { parseLabelSelector } from './label-selector-parser.ts';

export type Operator = 'In' | 'NotIn' | 'Exists' | 'DoesNotExist' | 'Gt' | 'Lt';

export interface Requirement {
  key: string;
  operator: Operator;
  values: string[];
}

/** All requirements must hold; an empty selector matches everything. */
export type Selector = readonly Requirement[];

type Labels = Readonly<Record<string, string>> | undefined;

/** Whether `labels` fulfil every requirement. */
export function matches(selector: Selector, labels: Labels): boolean {
  return selector.every((requirement) => holds(requirement, labels));
}

function holds({ key, operator, values }: Requirement, labels: Labels): boolean {
  const has = labels !== undefined && Object.hasOwn(labels, key);
  const value = has ? labels[key]! : undefined;
  switch (operator) {
    case 'Exists':
      return has;
    case 'DoesNotExist':
      return !has;
    case 'In':
      return has && values.includes(value!);
    case 'NotIn':
      return !has || !values.includes(value!);
    case 'Gt':
      return has && isInteger(value!) && isInteger(values[0]!) && BigInt(value!) > BigInt(values[0]!);
    case 'Lt':
      return has && isInteger(value!) && isInteger(values[0]!) && BigInt(value!) < BigInt(values[0]!);
  }
}

function isInteger(text: string): boolean {
  return /^-?\d{1,18}$/.test(text);
}

export interface LabelSelector {
  matchLabels?: Record<string, string> | undefined;
  matchExpressions?: { key: string; operator: string; values?: string[] | undefined }[] | undefined;
}

/** The selector of a meta/v1 LabelSelector: absent selects nothing (undefined), empty selects everything. */
export function fromLabelSelector(source: LabelSelector | undefined): Selector | undefined {
  if (!source) return undefined;
  const equal = Object.entries(source.matchLabels ?? {}).map(([key, value]): Requirement => ({
    key,
    operator: 'In',
    values: [value],
  }));
  const more = (source.matchExpressions ?? []).map(({ key, operator, values }): Requirement => ({
    key,
    operator: operator as Operator,
    values: values ?? [],
  }));
  return [...equal, ...more];
}

/** Whether a LabelSelector selects `labels`; an absent selector selects nothing. */
export function selects(source: LabelSelector | undefined, labels: Labels): boolean {
  const selector = fromLabelSelector(source);
  return selector !== undefined && matches(selector, labels);
}

/** A LabelSelector as text, `<none>` for one that selects everything, as `kubectl` shows it. */
export function formatLabelSelector(source: LabelSelector | undefined): string {
  const selector = fromLabelSelector(source);
  return selector === undefined || selector.length === 0 ? '<none>' : formatSelector(selector);
}

/** The selector of a plain map, as Services and ReplicationControllers have: an empty map selects nothing here. */
export function fromMap(map: Record<string, string> | undefined): Selector | undefined {
  if (!map || Object.keys(map).length === 0) return undefined;
  return Object.entries(map).map(([key, value]) => ({ key, operator: 'In', values: [value] }));
}

/** Writes a selector as `kubectl` shows it. */
export function formatSelector(selector: Selector): string {
  return selector
    .map(({ key, operator, values }) => {
      switch (operator) {
        case 'Exists':
          return key;
        case 'DoesNotExist':
          return `!${key}`;
        case 'Gt':
          return `${key}>${values[0]}`;
        case 'Lt':
          return `${key}<${values[0]}`;
        case 'In':
          return values.length === 1 ? `${key}=${values[0]}` : `${key} in (${values.toSorted().join(',')})`;
        case 'NotIn':
          return values.length === 1 ? `${key}!=${values[0]}` : `${key} notin (${values.toSorted().join(',')})`;
      }
    })
    .join(',');
}

/** One term of a field selector: the path must, or must not, have this value. */
export interface FieldTerm {
  path: string;
  negate: boolean;
  value: string;
}

/** Parses `metadata.name=a,status.phase!=Running`; throws a BadRequest for anything else, worded as upstream's `pkg/fields`. */
export function parseFieldSelector(text: string): FieldTerm[] {
  return splitUnescaped(text)
    .filter((part) => part !== '')
    .map((part) => {
      const match = /^(.*?)(!=|==|=)(.*)$/s.exec(part);
      if (!match) throw badRequest(`invalid selector: '${text}'; can't understand '${part}'`);
      return { path: match[1]!, negate: match[2] === '!=', value: unescaped(match[3]!) };
    });
}

/** The parts between commas; in upstream's order, which decides what is complained of first. */
function splitUnescaped(text: string): string[] {
  const parts: string[] = [];
  let from = 0;
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '\\') at++;
    else if (text[at] === ',') {
      parts.push(text.slice(from, at));
      from = at + 1;
    }
  }
  return [...parts, text.slice(from)].sort();
}

function unescaped(value: string): string {
  return value.replace(/\\(.?)|[,=]/gs, (found, escaped: string | undefined) => {
    if (escaped && '\\,='.includes(escaped)) return escaped;
    // Go writes the character as its number.
    if (escaped === undefined)
      throw badRequest(`invalid field selector: unescaped character in value: ${found.codePointAt(0)}`);
    throw badRequest(`invalid field selector: invalid escape sequence: ${found}`);
  });
}

/** Whether the values that `read` gives fulfil every term. */
export function fieldsMatch(terms: readonly FieldTerm[], read: (path: string) => string): boolean {
  return terms.every(({ path, negate, value }) => (read(path) === value) !== negate);
}
