/** The rules of a schema in CEL (`x-kubernetes-validations`), as upstream's `schema/cel`: each is about the value at its place. */
import { makeCompiler, OutOfTime, runWithin, sentenceOf } from '#lib/cel/expression.ts';
import type { Expression } from '#lib/cel/expression.ts';
import { equal } from '#lib/meta/equal.ts';
import { duplicate, fieldForbidden, invalid, required } from '#lib/meta/errors.ts';
import type { FieldError } from '#lib/meta/errors.ts';
import { isMap } from '#lib/meta/json-map.ts';
import { parseGoDuration } from '#lib/meta/go-duration.ts';
import { parseTime } from '#lib/meta/time.ts';
import type { ValidationRule } from '../gen/apiextensions-v1.ts';
import { earlierItems } from './correlate.ts';
import { memberOf, objectFields } from './structural.ts';
import type { Structural } from './structural.ts';

/** All rules of an object together; far more than they take, unless they are made to. */
const limitMs = 2000;

const compile = makeCompiler(['self', 'oldSelf']);

interface Rule {
  source: ValidationRule;
  condition: Expression;
  message: Expression | undefined;
  /** Whether it compares with what was before, and so holds of changes alone. */
  isOfChange: boolean;
}

/** The compiled rules of a place, and whether there are any there or beneath. */
interface Place {
  rules: readonly Rule[];
  hasAny: boolean;
}

const places = new WeakMap<Structural, Place>();

/** Faults of a value by the rules of its schema. The value fits the schema otherwise. */
export function checkRules(value: unknown, schema: Structural, before: unknown): FieldError[] {
  if (!placeOf(schema).hasAny) return [];
  const faults: FieldError[] = [];
  try {
    runWithin(limitMs, () => visit(value, schema, '', before, faults, true));
  } catch (error) {
    if (!(error instanceof OutOfTime)) throw error;
    const because = 'validation failed due to running out of cost budget, no further validation rules will be run';
    faults.push(fieldForbidden('', because));
  }
  return faults;
}

/** Whether there is any rule in the schema. */
export function hasRules(schema: Structural): boolean {
  return placeOf(schema).hasAny;
}

/** What is wrong with a rule itself; undefined when nothing is. */
export function ruleFault(source: ValidationRule): { field: 'rule' | 'messageExpression'; fault: string } | undefined {
  const parts = [
    ['rule', source.rule, 'bool'],
    ['messageExpression', source.messageExpression, 'string'],
  ] as const;
  for (const [field, text, type] of parts) {
    if (field === 'messageExpression' && text === undefined) continue;
    if (!text?.trim()) return { field, fault: 'rule is not specified' };
    try {
      const found = compile(text).type;
      if (found !== type && found !== 'dyn')
        return { field, fault: `must evaluate to ${type === 'bool' ? 'a bool' : 'a string'}` };
    } catch (error) {
      return { field, fault: `compilation failed: ${(error as Error).message}` };
    }
  }
  return undefined;
}

function placeOf(schema: Structural): Place {
  let place = places.get(schema);
  if (!place) {
    const rules = (schema.source['x-kubernetes-validations'] ?? []).map((source): Rule => ({
      source,
      condition: compile(source.rule),
      message: source.messageExpression ? compile(source.messageExpression) : undefined,
      isOfChange: /\boldSelf\b/.test(source.rule),
    }));
    const inner = [
      ...schema.properties.values(),
      schema.items,
      schema.additional === true ? undefined : schema.additional,
    ];
    place = { rules, hasAny: rules.length > 0 || inner.some((part) => part !== undefined && placeOf(part).hasAny) };
    places.set(schema, place);
  }
  return place;
}

function visit(
  value: unknown,
  schema: Structural,
  path: string,
  before: unknown,
  faults: FieldError[],
  isRoot: boolean,
): void {
  const { rules, hasAny } = placeOf(schema);
  // What was let in once, and has not changed, stays.
  if (!hasAny || value === null || (before !== undefined && equal(value, before))) return;
  if (rules.length > 0) {
    const self = asCel(value, schema, isRoot);
    const oldSelf = before === undefined || before === null ? undefined : asCel(before, schema, isRoot);
    for (const rule of rules) faults.push(...judge(rule, self, oldSelf, schema, path));
  }
  if (Array.isArray(value)) {
    if (!schema.items) return;
    const earlier = earlierItems(schema.listType, schema.listKeys, before);
    for (const [i, item] of value.entries()) visit(item, schema.items, `${path}[${i}]`, earlier(item), faults, false);
  } else if (isMap(value)) {
    for (const [key, item] of Object.entries(value)) {
      const member = memberOf(schema, key);
      const was = isMap(before) && Object.hasOwn(before, key) ? before[key] : undefined;
      if (member) visit(item, member, path === '' ? key : `${path}.${key}`, was, faults, false);
    }
  }
}

function judge(rule: Rule, self: unknown, oldSelf: unknown, schema: Structural, path: string): FieldError[] {
  const { source, condition } = rule;
  const { optionalOldSelf = false } = source;
  if (rule.isOfChange && oldSelf === undefined && !optionalOldSelf) return [];
  const variables = { self, oldSelf: optionalOldSelf ? optional(oldSelf) : oldSelf };
  const at = path + (source.fieldPath ?? '');
  const field = at.startsWith('.') ? at.slice(1) : at;
  const shown = schema.type || 'object';
  try {
    if (condition.evaluate(variables) === true) return [];
  } catch (error) {
    const text = `${(error as Error).message} evaluating rule: ${source.message ?? source.rule}`;
    return [invalid(field || '<nil>', shown, text)];
  }
  return [refusal(source.reason, field || '<nil>', shown, messageOf(rule, variables))];
}

function messageOf({ source, message }: Rule, variables: Record<string, unknown>): string {
  return (message && sentenceOf(message, variables)) || source.message?.trim() || `failed rule: ${source.rule.trim()}`;
}

function refusal(reason: string | undefined, field: string, shown: string, message: string): FieldError {
  switch (reason) {
    case 'FieldValueForbidden':
      return fieldForbidden(field, message);
    case 'FieldValueRequired':
      return required(field, message);
    case 'FieldValueDuplicate':
      return duplicate(field, shown, message);
    default:
      return invalid(field, shown, message);
  }
}

/** A value as CEL knows it: by the types of its schema, and with what that describes. */
function asCel(value: unknown, schema: Structural | undefined, isObject = schema?.isEmbedded === true): unknown {
  if (value === null || schema === undefined) return value;
  if (typeof value === 'number') {
    const isWhole = schema.type === 'integer' || (schema.type === '' && Number.isInteger(value));
    return isWhole ? BigInt(value) : value;
  }
  if (typeof value === 'string') return textAsCel(value, schema);
  if (Array.isArray(value)) return value.map((item) => asCel(item, schema.items));
  if (!isMap(value)) return value;
  const result = Object.create(null) as Record<string, unknown>;
  for (const [key, item] of Object.entries(value)) {
    if (schema.properties.has(key)) result[escaped(key)] = asCel(item, schema.properties.get(key));
    else if (isObject && objectFields.has(key)) result[key] = key === 'metadata' ? namesOf(item) : item;
    else if (schema.additional !== undefined) result[key] = asCel(item, memberOf(schema, key));
  }
  return result;
}

/** Of the metadata rules may speak of the names alone. */
function namesOf(metadata: unknown): object {
  const { name, generateName } = isMap(metadata) ? metadata : {};
  return { ...(name !== undefined && { name }), ...(generateName !== undefined && { generateName }) };
}

function textAsCel(value: string, { source }: Structural): unknown {
  switch (source.format) {
    case 'date':
    case 'date-time': {
      const ms = parseTime(source.format === 'date' ? `${value}T00:00:00Z` : value);
      return ms === undefined ? value : new Date(ms);
    }
    case 'byte':
      return new Uint8Array(Buffer.from(value, 'base64'));
    case 'duration': {
      const read = parseGoDuration(value);
      return 'ms' in read ? durations.evaluate({ self: value }) : value;
    }
    default:
      return value;
  }
}

const durations = compile('duration(self)');
const some = compile('optional.of(self)');
const none = compile('optional.none()');

function optional(value: unknown): unknown {
  return value === undefined ? none.evaluate({}) : some.evaluate({ self: value });
}

const reserved: ReadonlySet<string> = new Set(
  'true false null in as break const continue else for function if import let loop package namespace return var void while'.split(
    ' ',
  ),
);

/** A field's name as an identifier, as upstream's `model.Escape`. */
function escaped(name: string): string {
  if (reserved.has(name)) return `__${name}__`;
  return name
    .replaceAll('__', '__underscores__')
    .replaceAll('.', '__dot__')
    .replaceAll('-', '__dash__')
    .replaceAll('/', '__slash__');
}
