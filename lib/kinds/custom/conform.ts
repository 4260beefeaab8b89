/**
 * Checks custom resources against the schema of their definition, with the sentences of upstream's validator (`kube-openapi/pkg/validation`) as
 * `apiextensions-apiserver` reports them.
 */
import { equal } from '#lib/meta/equal.ts';
import { duplicate, invalid, notSupported, required, tooMany } from '#lib/meta/errors.ts';
import type { FieldError } from '#lib/meta/errors.ts';
import { GoText } from '#lib/meta/go-text.ts';
import { isMap } from '#lib/meta/json-map.ts';
import type { Json } from '#lib/meta/json-map.ts';
import type { JSONSchemaProps } from '../gen/apiextensions-v1.ts';
import { earlierItems } from './correlate.ts';
import { fitsFormat } from './formats.ts';
import { occursIn } from '#lib/cel/pattern.ts';

/** Faults that are looked for; further ones say nothing new. */
const faultLimit = 100;

/**
 * Faults of a value. `path` is '' for a whole object. What has not changed from `before` is not looked at again: an object that was let in stays
 * writable where a schema has become stricter since.
 */
export function conform(value: unknown, schema: JSONSchemaProps, path: string, before?: unknown): FieldError[] {
  const faults: FieldError[] = [];
  visit(value, schema, path, before, faults);
  return faults;
}

function visit(value: unknown, schema: JSONSchemaProps, path: string, before: unknown, faults: FieldError[]): void {
  if (faults.length >= faultLimit || (before !== undefined && equal(value, before))) return;
  const mistyped = typeFault(value, schema, path);
  if (mistyped) {
    faults.push(mistyped);
    return;
  }
  if (value === null) return;
  faults.push(...enumFaults(value, schema, path), ...compositionFaults(value, schema, path));
  if (typeof value === 'string') faults.push(...textFaults(value, schema, path));
  else if (typeof value === 'number') faults.push(...numberFaults(value, schema, path));
  else if (Array.isArray(value)) visitList(value, schema, path, before, faults);
  else if (isMap(value)) visitMap(value, schema, path, before, faults);
}

const inBody = (path: string) => `${path} in body`;

/** The type of a value as schemas name it. */
function typeOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number';
  return typeof value;
}

function typeFault(value: unknown, schema: JSONSchemaProps, path: string): FieldError | undefined {
  const wanted = schema['x-kubernetes-int-or-string'] ? ['integer', 'string'] : schema.type ? [schema.type] : [];
  const actual = typeOf(value);
  if (wanted.length === 0 || (value === null && schema.nullable)) return undefined;
  if (wanted.includes(actual) || (actual === 'integer' && wanted.includes('number'))) return undefined;
  return mistyped(path, actual, wanted.join(','), actual);
}

function mistyped(path: string, shown: string, wanted: string, told: string): FieldError {
  const { message } = invalid(path, shown, `${inBody(path)} must be of type ${wanted}: ${JSON.stringify(told)}`);
  return { field: path, reason: 'FieldValueTypeInvalid', message };
}

function enumFaults(value: unknown, schema: JSONSchemaProps, path: string): FieldError[] {
  const allowed = schema.enum as unknown[] | undefined;
  if (!allowed || allowed.length === 0 || allowed.some((item) => equal(item, value))) return [];
  const texts = allowed.map((item) => (typeof item === 'string' ? item : JSON.stringify(item)));
  return [notSupported(path, shown(value), texts)];
}

function textFaults(value: string, schema: JSONSchemaProps, path: string): FieldError[] {
  const faults: FieldError[] = [];
  const { maxLength, minLength, pattern, format } = schema;
  // Upstream counts characters, and calls them bytes.
  const length = maxLength === undefined && minLength === undefined ? 0 : Array.from(value).length;
  if (maxLength !== undefined && length > maxLength) {
    const message = `Too long: may not be more than ${maxLength} bytes`;
    faults.push({ field: path, reason: 'FieldValueTooLong', message });
  }
  if (minLength !== undefined && length < minLength) {
    faults.push(invalid(path, value, `${inBody(path)} should be at least ${minLength} chars long`));
  }
  if (pattern !== undefined && !occursIn(pattern, value)) {
    faults.push(invalid(path, value, `${inBody(path)} should match '${pattern}'`));
  }
  if (format && !fitsFormat(format, value)) faults.push(mistyped(path, value, format, value));
  return faults;
}

function numberFaults(value: number, schema: JSONSchemaProps, path: string): FieldError[] {
  const { maximum, minimum, exclusiveMaximum, exclusiveMinimum, multipleOf } = schema;
  const fault = (should: string) => [invalid(path, value, `${inBody(path)} should be ${should}`)];
  const faults: FieldError[] = [];
  if (multipleOf !== undefined && !isMultiple(value, multipleOf)) faults.push(...fault(`a multiple of ${multipleOf}`));
  if (maximum !== undefined) {
    if (exclusiveMaximum && value >= maximum) faults.push(...fault(`less than ${maximum}`));
    else if (value > maximum) faults.push(...fault(`less than or equal to ${maximum}`));
  }
  if (minimum !== undefined) {
    if (exclusiveMinimum && value <= minimum) faults.push(...fault(`greater than ${minimum}`));
    else if (value < minimum) faults.push(...fault(`greater than or equal to ${minimum}`));
  }
  return faults;
}

function isMultiple(value: number, of: number): boolean {
  return Number.isInteger(of < 1 ? value * (1 / of) : value / of);
}

function visitList(
  list: readonly unknown[],
  schema: JSONSchemaProps,
  path: string,
  before: unknown,
  faults: FieldError[],
): void {
  const { maxItems, minItems, uniqueItems } = schema;
  if (minItems !== undefined && list.length < minItems) {
    faults.push(invalid(path, list.length, `${inBody(path)} should have at least ${minItems} items`));
  }
  if (maxItems !== undefined && list.length > maxItems) faults.push(tooMany(path, list.length, maxItems));
  if (uniqueItems && hasTwins(list))
    faults.push(invalid(path, shown(list), `${inBody(path)} shouldn't contain duplicates`));
  faults.push(...listTypeFaults(list, schema, path));
  const items = schema.items as JSONSchemaProps | undefined;
  if (!items) return;
  const earlier = earlierItems(schema['x-kubernetes-list-type'], schema['x-kubernetes-list-map-keys'] ?? [], before);
  for (const [i, item] of list.entries()) visit(item, items, `${path}[${i}]`, earlier(item), faults);
}

function hasTwins(list: readonly unknown[]): boolean {
  return new Set(list.map((item) => canonical(item))).size < list.length;
}

/** JSON by which equal values are the same, whatever the order of their keys. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    isMap(inner) ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1))) : inner,
  );
}

/** Lists that are sets, or maps by keys, hold nothing twice. */
function listTypeFaults(list: readonly unknown[], schema: JSONSchemaProps, path: string): FieldError[] {
  const type = schema['x-kubernetes-list-type'];
  if (type !== 'set' && type !== 'map') return [];
  const keys = schema['x-kubernetes-list-map-keys'] ?? [];
  const properties = (schema.items as JSONSchemaProps | undefined)?.properties ?? {};
  const seen = new Set<string>();
  return list.flatMap((item, i) => {
    const named = Object.fromEntries(
      keys.map((key) => [key, (isMap(item) ? item[key] : undefined) ?? properties[key]?.default]),
    );
    const text = type === 'set' ? canonical(item) : canonical(named);
    if (!seen.has(text)) {
      seen.add(text);
      return [];
    }
    return [duplicate(`${path}[${i}]`, type === 'set' ? shown(item) : goMap(named))];
  });
}

function visitMap(map: Json, schema: JSONSchemaProps, path: string, before: unknown, faults: FieldError[]): void {
  const { maxProperties, minProperties, properties = {} } = schema;
  const names = Object.keys(map);
  if (minProperties !== undefined && names.length < minProperties) {
    faults.push(invalid(path, names.length, `${inBody(path)} should have at least ${minProperties} properties`));
  }
  if (maxProperties !== undefined && names.length > maxProperties)
    faults.push(tooMany(path, names.length, maxProperties));
  const at = (name: string) => (path === '' ? name : `${path}.${name}`);
  for (const name of schema.required ?? []) if (!Object.hasOwn(map, name)) faults.push(required(at(name)));
  if (schema['x-kubernetes-embedded-resource']) faults.push(...embeddedFaults(map, path));
  const values = isMap(schema.additionalProperties) ? (schema.additionalProperties as JSONSchemaProps) : undefined;
  for (const name of names) {
    const inner = Object.hasOwn(properties, name) ? properties[name] : values;
    const earlier = isMap(before) && Object.hasOwn(before, name) ? before[name] : undefined;
    if (inner) visit(map[name], inner, at(name), earlier, faults);
  }
}

function embeddedFaults(map: Json, path: string): FieldError[] {
  return ['apiVersion', 'kind'].flatMap((name) =>
    typeof map[name] === 'string' && map[name] !== '' ? [] : [required(`${path}.${name}`, 'must not be empty')],
  );
}

/** What several schemas at once say of a value. Upstream tells of it without a place, and then what the nearest of them finds. */
function compositionFaults(value: unknown, schema: JSONSchemaProps, path: string): FieldError[] {
  const faults: FieldError[] = [];
  const about = JSON.stringify(path);
  const whole = (message: string) => invalid('<nil>', '', message);
  const tried = (schemas: readonly JSONSchemaProps[] = []) => schemas.map((inner) => conform(value, inner, path));
  const nearest = (all: readonly FieldError[][]) => all.toSorted((a, b) => a.length - b.length)[0] ?? [];
  const { anyOf, oneOf, allOf, not } = schema;
  if (anyOf) {
    const all = tried(anyOf);
    if (all.every((found) => found.length > 0)) {
      faults.push(whole(`${about} must validate at least one schema (anyOf)`), ...nearest(all));
    }
  }
  if (oneOf) {
    const all = tried(oneOf);
    const fitting = all.filter((found) => found.length === 0).length;
    if (fitting === 0) {
      faults.push(whole(`${about} must validate one and only one schema (oneOf). Found none valid`), ...nearest(all));
    } else if (fitting > 1) {
      faults.push(whole(`${about} must validate one and only one schema (oneOf). Found ${fitting} valid alternatives`));
    }
  }
  if (allOf) {
    const found = tried(allOf).flat();
    if (found.length > 0) faults.push(whole(`${about} must validate all the schemas (allOf)`), ...found);
  }
  if (not && conform(value, not, path).length === 0) {
    faults.push(whole(`${about} must not validate the schema (not)`));
  }
  return faults;
}

/** A value in a sentence; lists and maps as JSON. */
function shown(value: unknown): unknown {
  return typeof value === 'object' && value !== null ? new GoText(JSON.stringify(value)) : value;
}

function goMap(map: Json): GoText {
  const entries = Object.entries(map).map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`);
  return new GoText(`map[string]interface {}{${entries.join(', ')}}`);
}
