/** Label and field selectors: parsing, matching, and writing them back as text. */
import { badRequest } from './errors.ts';
import { labelValueFaults, qualifiedNameFaults } from './names.ts';

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

/** Parses `a=b,c in (d,e),!f,g>1`; throws a BadRequest for anything else. */
export function parseLabelSelector(text: string): Selector {
  const requirements: Requirement[] = [];
  const source = text.trim();
  if (source === '') return requirements;
  for (const part of splitOutsideParentheses(source)) requirements.push(parseRequirement(part.trim()));
  return requirements;
}

function parseRequirement(part: string): Requirement {
  const set = /^(\S+?)\s+(in|notin)\s*\(([^()]*)\)$/.exec(part);
  if (set)
    return checked({
      key: set[1]!,
      operator: set[2] === 'in' ? 'In' : 'NotIn',
      values: set[3]!.split(',').map((value) => value.trim()),
    });
  const compare = /^([^=!<>\s()]+)\s*(==|=|!=|>|<)\s*([^=!<>\s()]*)$/.exec(part);
  if (compare) {
    const operator = ({ '=': 'In', '==': 'In', '!=': 'NotIn', '>': 'Gt', '<': 'Lt' } as const)[compare[2] as '='];
    return checked({ key: compare[1]!, operator, values: [compare[3]!] });
  }
  const exists = /^(!?)\s*([^=!<>\s(),]+)$/.exec(part);
  if (exists) return checked({ key: exists[2]!, operator: exists[1] ? 'DoesNotExist' : 'Exists', values: [] });
  throw badRequest(`unable to parse requirement: ${complaintOf(part)}`);
}

/** What upstream's parser of selectors stumbles over. */
function complaintOf(part: string): string {
  const [, key = '', rest = ''] = /^!?\s*([^=!<>\s(),]*)\s*(.*)$/s.exec(part) ?? [];
  if (key === '') return `found '${tokenOf(rest)}', expected: identifier`;
  const [, operator, values = ''] = /^(==|=|!=|>|<|in\b|notin\b)\s*(.*)$/s.exec(rest) ?? [];
  if (operator === undefined) return `found '${tokenOf(rest)}', expected: in, notin, =, ==, !=, gt, lt`;
  if (operator === 'in' || operator === 'notin') return `found '${tokenOf(values)}', expected: '('`;
  return `found '${tokenOf(values.replace(/^[^=!<>\s()]+\s*/, ''))}', expected: ',' or 'end of string'`;
}

/** The first token of a text. */
function tokenOf(text: string): string {
  return /^(==|!=|[=!<>(),]|[^\s=!<>(),]+)/.exec(text)?.[0] ?? '';
}

function checked(requirement: Requirement): Requirement {
  const faults = [
    ...qualifiedNameFaults(requirement.key).map(
      (fault) => `key: Invalid value: ${JSON.stringify(requirement.key)}: ${fault}`,
    ),
    ...requirement.values.flatMap((value, i) =>
      labelValueFaults(value).map(
        (fault) => `values[${i}][${requirement.key}]: Invalid value: ${JSON.stringify(value)}: ${fault}`,
      ),
    ),
  ];
  if ((requirement.operator === 'Gt' || requirement.operator === 'Lt') && !isInteger(requirement.values[0] ?? '')) {
    faults.push(
      `values[0]: Invalid value: ${JSON.stringify(requirement.values[0])}: for 'Gt', 'Lt' operators, the value must be an integer`,
    );
  }
  if (faults.length > 0) throw badRequest(`unable to parse requirement: ${faults.join(', ')}`);
  return requirement;
}

function splitOutsideParentheses(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let from = 0;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '(') depth++;
    else if (text[i] === ')') depth--;
    else if (text[i] === ',' && depth === 0) {
      parts.push(text.slice(from, i));
      from = i + 1;
    }
  }
  parts.push(text.slice(from));
  return parts;
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

/** Parses `metadata.name=a,status.phase!=Running`; throws a BadRequest for anything else. */
export function parseFieldSelector(text: string): FieldTerm[] {
  if (text.trim() === '') return [];
  return splitUnescaped(text)
    .filter((part) => part !== '')
    .map((part) => {
      const match = /^(.*?)(!=|==|=)(.*)$/s.exec(part);
      if (!match) throw badRequest(`invalid selector: '${text}'; can't understand '${part}'`);
      return { path: match[1]!, negate: match[2] === '!=', value: match[3]!.replace(/\\([\\,=])/g, '$1') };
    });
}

function splitUnescaped(text: string): string[] {
  return (text.match(/(?:\\.|[^,\\])+/gs) ?? []).map((part) => part);
}

/** Whether the values that `read` gives fulfil every term. */
export function fieldsMatch(terms: readonly FieldTerm[], read: (path: string) => string): boolean {
  return terms.every(({ path, negate, value }) => (read(path) === value) !== negate);
}
