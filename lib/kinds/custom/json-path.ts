/**
 * The JSON paths of definitions: where a printed column, the replicas or a selectable field is found in an object. As client-go's `jsonpath` in its
 * simple form, and as kubectl writes it: `.spec.replicas`, `.status.conditions[?(@.type=="Ready")].status`, `.spec['a.b'][0]`, `.items[*].name`.
 */
import { isMap } from '#lib/meta/json-map.ts';

type Step =
  | { do: 'field'; name: string }
  | { do: 'index'; at: number }
  | { do: 'all' }
  | { do: 'filter'; path: Step[]; operator: string; wanted: unknown };

export type JsonPath = readonly Step[];

/** Steps of one path. */
const stepLimit = 64;

/** Reads a path; throws SyntaxError for what is none. */
export function parseJsonPath(text: string): JsonPath {
  const inner = /^\{(.*)\}$/s.exec(text)?.[1] ?? text;
  const steps: Step[] = [];
  let rest = inner.startsWith('.') || inner.startsWith('[') ? inner : `.${inner}`;
  while (rest !== '' && rest !== '.') {
    const { step, length } = nextStep(rest);
    if (step) steps.push(step);
    rest = rest.slice(length);
    if (steps.length > stepLimit) throw new SyntaxError('too many steps');
  }
  return steps;
}

function nextStep(text: string): { step: Step | undefined; length: number } {
  const field = /^\.((?:[^.[\]\\\s]|\\.)+)/.exec(text);
  if (field) {
    const name = field[1]!.replaceAll(/\\(.)/g, '$1');
    return { step: name === '*' ? { do: 'all' } : { do: 'field', name }, length: field[0].length };
  }
  // A dot before a bracket is as good as none.
  if (text.startsWith('.[')) return { step: undefined, length: 1 };
  const bracket = /^\[\s*(?:(-?\d+)|(\*)|'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")\s*\]/.exec(text);
  if (bracket) {
    const [all, index, star, single, double] = bracket;
    const length = all.length;
    if (index !== undefined) return { step: { do: 'index', at: Number(index) }, length };
    if (star !== undefined) return { step: { do: 'all' }, length };
    return { step: { do: 'field', name: (single ?? double)!.replaceAll(/\\(.)/g, '$1') }, length };
  }
  const filter = /^\[\?\(\s*@([^=!<>\s]*)\s*(?:(==|!=|<=|>=|<|>)\s*('[^']*'|"[^"]*"|[^\s)]+)\s*)?\)\]/.exec(text);
  if (!filter) throw new SyntaxError(`unrecognized character in action: ${text.slice(0, 20)}`);
  const [all, path = '', operator = '', wanted = ''] = filter;
  const steps = path === '' ? [] : [...parseJsonPath(path)];
  return { step: { do: 'filter', path: steps, operator, wanted: literal(wanted) }, length: all.length };
}

function literal(text: string): unknown {
  if (/^['"]/.test(text)) return text.slice(1, -1);
  if (text === 'true' || text === 'false') return text === 'true';
  const number = Number(text);
  return text !== '' && !Number.isNaN(number) ? number : text;
}

/** The values that a path leads to, in order. */
export function valuesAt(value: unknown, path: JsonPath): unknown[] {
  return path.reduce<unknown[]>((found, step) => found.flatMap((item) => take(item, step)), [value]);
}

function take(value: unknown, step: Step): unknown[] {
  switch (step.do) {
    case 'field':
      return isMap(value) && Object.hasOwn(value, step.name) ? [value[step.name]] : [];
    case 'index': {
      const item = Array.isArray(value) ? (value.at(step.at) as unknown) : undefined;
      return item === undefined ? [] : [item];
    }
    case 'all':
      return membersOf(value);
    case 'filter':
      return membersOf(value).filter((item) => passes(item, step));
  }
}

function membersOf(value: unknown): unknown[] {
  if (Array.isArray(value)) return value as unknown[];
  return isMap(value) ? Object.values(value) : [];
}

function passes(item: unknown, { path, operator, wanted }: Step & { do: 'filter' }): boolean {
  const [value] = valuesAt(item, path);
  if (operator === '') return value !== undefined;
  if (value === undefined || typeof value !== typeof wanted) return operator === '!=' && value !== undefined;
  const [left, right] = [value as string | number, wanted as string | number];
  switch (operator) {
    case '==':
      return left === right;
    case '!=':
      return left !== right;
    case '<':
      return left < right;
    case '<=':
      return left <= right;
    case '>':
      return left > right;
    default:
      return left >= right;
  }
}

/** Whether a path is of names alone, such as `.spec.replicas`. */
export function isPlainPath(path: JsonPath): boolean {
  return path.length > 0 && path.every((step) => step.do === 'field');
}

/** The names of a plain path. */
export function namesOf(path: JsonPath): string[] {
  return path.flatMap((step) => (step.do === 'field' ? [step.name] : []));
}
