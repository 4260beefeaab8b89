/** Faults of the schema in a definition: whether it is structural, as upstream's `schema/validation.go` demands, and whether what it names makes sense. */
import { fieldForbidden, invalid, notSupported, required } from '#lib/meta/errors.ts';
import type { FieldError } from '#lib/meta/errors.ts';
import { GoText } from '#lib/meta/go-text.ts';
import { copy, equal } from '#lib/meta/equal.ts';
import { isMap } from '#lib/meta/json-map.ts';
import type { JSONSchemaProps } from '../gen/apiextensions-v1.ts';
import { conform } from './conform.ts';
import { patternFault } from '#lib/cel/pattern.ts';
import { prune } from './prune.ts';
import { ruleFault } from './rules.ts';
import { structuralOf } from './structural.ts';

const types = ['array', 'boolean', 'integer', 'number', 'object', 'string'];

/** Where in a schema one stands. */
type Level = 'root' | 'field' | 'item';

const emptyType: Record<Level, string> = {
  root: 'must not be empty at the root',
  field: 'must not be empty for specified object fields',
  item: 'must not be empty for specified array items',
};

/** Faults of a whole schema. */
export function checkSchema(path: string, schema: JSONSchemaProps): FieldError[] {
  const faults = check(path, schema, 'root');
  if (schema.type && schema.type !== 'object') {
    faults.push(invalid(`${path}.type`, schema.type, 'must be object at the root'));
  }
  return [...faults, ...checkMetadata(path, schema)];
}

function check(path: string, schema: JSONSchemaProps, level: Level): FieldError[] {
  return [
    ...checkType(path, schema, level),
    ...checkForbidden(path, schema),
    ...checkExtensions(path, schema),
    ...checkPattern(path, schema),
    ...checkFallback(path, schema),
    ...checkValidations(path, schema),
    ...checkInner(path, schema),
    ...checkCompositions(path, schema),
  ];
}

function checkType(path: string, schema: JSONSchemaProps, level: Level): FieldError[] {
  const isFree = schema['x-kubernetes-int-or-string'] || schema['x-kubernetes-preserve-unknown-fields'];
  if (!schema.type) return isFree && level !== 'root' ? [] : [required(`${path}.type`, emptyType[level])];
  if (schema['x-kubernetes-int-or-string']) {
    return [fieldForbidden(`${path}.type`, 'must be empty if x-kubernetes-int-or-string is true')];
  }
  return types.includes(schema.type) ? [] : [notSupported(`${path}.type`, schema.type, types)];
}

/** What JSON Schema has and definitions may not use. */
function checkForbidden(path: string, schema: JSONSchemaProps): FieldError[] {
  const faults: FieldError[] = [];
  const unsupported = [
    'id',
    '$schema',
    'additionalItems',
    'patternProperties',
    'definitions',
    'dependencies',
    '$ref',
  ] as const;
  for (const name of unsupported) {
    if (schema[name]) faults.push(fieldForbidden(`${path}.${name}`, `${name} is not supported`));
  }
  if (Array.isArray(schema.items)) {
    faults.push(fieldForbidden(`${path}.items`, 'items must be a schema object and not an array'));
  }
  if (schema.uniqueItems) {
    const because = 'uniqueItems cannot be set to true since the runtime complexity becomes quadratic';
    faults.push(fieldForbidden(`${path}.uniqueItems`, because));
  }
  if ((schema.additionalProperties as unknown) === false) {
    faults.push(fieldForbidden(`${path}.additionalProperties`, 'additionalProperties cannot be set to false'));
  }
  if (schema.additionalProperties !== undefined && schema.properties !== undefined) {
    const because = 'additionalProperties and properties are mutual exclusive';
    faults.push(fieldForbidden(`${path}.additionalProperties`, because));
  }
  return faults;
}

function checkExtensions(path: string, schema: JSONSchemaProps): FieldError[] {
  const faults: FieldError[] = [];
  const at = (name: string) => `${path}.${name}`;
  const [listType, mapType] = [schema['x-kubernetes-list-type'], schema['x-kubernetes-map-type']];
  const keys = schema['x-kubernetes-list-map-keys'] ?? [];
  if (schema['x-kubernetes-preserve-unknown-fields'] === false) {
    faults.push(invalid(at('x-kubernetes-preserve-unknown-fields'), false, 'must be true or undefined'));
  }
  if (listType !== undefined) {
    if (!['atomic', 'set', 'map'].includes(listType)) {
      faults.push(notSupported(at('x-kubernetes-list-type'), listType, ['atomic', 'map', 'set']));
    }
    if (schema.type !== 'array') {
      faults.push(invalid(at('type'), schema.type ?? '', 'must be array if x-kubernetes-list-type is specified'));
    }
  }
  if (listType === 'map') {
    const items = (schema.items ?? {}) as JSONSchemaProps;
    if (keys.length === 0) {
      faults.push(required(at('x-kubernetes-list-map-keys'), 'must not be empty if x-kubernetes-list-type is map'));
    }
    for (const [i, key] of keys.entries()) {
      if (items.properties && Object.hasOwn(items.properties, key)) continue;
      const because = 'entries must all be names of item properties';
      faults.push(invalid(`${at('x-kubernetes-list-map-keys')}[${i}]`, key, because));
    }
  } else if (keys.length > 0) {
    faults.push(fieldForbidden(at('x-kubernetes-list-map-keys'), 'must be empty if x-kubernetes-list-type is not map'));
  }
  if (mapType !== undefined) {
    if (!['atomic', 'granular'].includes(mapType)) {
      faults.push(notSupported(at('x-kubernetes-map-type'), mapType, ['atomic', 'granular']));
    }
    if (schema.type !== 'object') {
      faults.push(invalid(at('type'), schema.type ?? '', 'must be object if x-kubernetes-map-type is specified'));
    }
  }
  if (schema['x-kubernetes-embedded-resource']) {
    if (schema.type !== 'object') {
      faults.push(invalid(at('type'), schema.type ?? '', 'must be object if x-kubernetes-embedded-resource is true'));
    }
    if (!schema['x-kubernetes-preserve-unknown-fields'] && Object.keys(schema.properties ?? {}).length === 0) {
      const because =
        'must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields';
      faults.push(required(at('properties'), because));
    }
  }
  return faults;
}

function checkPattern(path: string, { pattern }: JSONSchemaProps): FieldError[] {
  const fault = pattern === undefined ? undefined : patternFault(pattern);
  if (fault === undefined) return [];
  return [invalid(`${path}.pattern`, pattern, `must be a valid regular expression, but isn't: ${fault}`)];
}

/** What is filled in must itself be as the schema wants it. */
function checkFallback(path: string, schema: JSONSchemaProps): FieldError[] {
  const fallback: unknown = schema.default;
  if (fallback === undefined || fallback === null) return [];
  const at = `${path}.default`;
  const faults = conform(fallback, schema, at);
  if (faults.length > 0 || !isMap(fallback)) return faults;
  const kept = copy(fallback);
  prune(kept, structuralOf(schema));
  if (equal(kept, fallback)) return [];
  return [invalid(at, new GoText(JSON.stringify(fallback)), 'must not have unknown fields')];
}

function checkValidations(path: string, schema: JSONSchemaProps): FieldError[] {
  return (schema['x-kubernetes-validations'] ?? []).flatMap((rule, i) => {
    const found = ruleFault(rule);
    if (!found) return [];
    return [invalid(`${path}.x-kubernetes-validations[${i}].${found.field}`, rule[found.field] ?? '', found.fault)];
  });
}

function checkInner(path: string, schema: JSONSchemaProps): FieldError[] {
  const faults = Object.entries(schema.properties ?? {}).flatMap(([name, inner]) =>
    check(`${path}.properties[${name}]`, inner, 'field'),
  );
  if (isMap(schema.additionalProperties)) {
    faults.push(...check(`${path}.additionalProperties`, schema.additionalProperties, 'field'));
  }
  if (isMap(schema.items)) faults.push(...check(`${path}.items`, schema.items, 'item'));
  else if (schema.type === 'array') faults.push(required(`${path}.items`, 'must be specified'));
  return faults;
}

/** Schemas beside the structure check values, and say nothing of the structure. */
function checkCompositions(path: string, schema: JSONSchemaProps): FieldError[] {
  const faults: FieldError[] = [];
  for (const name of ['allOf', 'anyOf', 'oneOf'] as const) {
    const isIntOrString = isSpelledOut(schema, name);
    for (const [i, inner] of (schema[name] ?? []).entries()) {
      faults.push(...checkValueOnly(`${path}.${name}[${i}]`, inner, schema, isIntOrString));
    }
  }
  if (schema.not) faults.push(...checkValueOnly(`${path}.not`, schema.not, schema, false));
  return faults;
}

/** An int-or-string may say so a second time, as `anyOf: [{type: integer}, {type: string}]`. */
function isSpelledOut(schema: JSONSchemaProps, name: 'allOf' | 'anyOf' | 'oneOf'): boolean {
  if (!schema['x-kubernetes-int-or-string'] || name === 'oneOf') return false;
  const all = schema[name] ?? [];
  const isPair = (list: readonly JSONSchemaProps[] = []) =>
    list.length === 2 && list[0]!.type === 'integer' && list[1]!.type === 'string';
  return name === 'anyOf' ? isPair(all) : isPair(all[0]?.anyOf);
}

function checkValueOnly(path: string, schema: JSONSchemaProps, outer: JSONSchemaProps, mayName: boolean): FieldError[] {
  const faults: FieldError[] = [];
  const structural = ['type', 'default', 'additionalProperties', 'nullable', 'title', 'description'] as const;
  for (const name of structural) {
    if (schema[name] && !(mayName && name === 'type')) {
      faults.push(fieldForbidden(`${path}.${name}`, 'must be empty to be structural'));
    }
  }
  for (const [name, inner] of Object.entries(schema.properties ?? {})) {
    const own = outer.properties?.[name];
    const at = `${path}.properties[${name}]`;
    if (own) faults.push(...checkValueOnly(at, inner, own, false));
    else if (!outer['x-kubernetes-preserve-unknown-fields']) {
      const place = `${path.replace(/\.(allOf|anyOf|oneOf)\[\d+\]$|\.not$/, '')}.properties[${name}]`;
      faults.push(required(place, `because it is defined in ${at}`));
    }
  }
  for (const name of ['allOf', 'anyOf', 'oneOf'] as const) {
    for (const [i, inner] of (schema[name] ?? []).entries()) {
      faults.push(...checkValueOnly(`${path}.${name}[${i}]`, inner, outer, mayName));
    }
  }
  return faults;
}

/** Of the metadata a schema may say what names look like. */
function checkMetadata(path: string, { properties = {} }: JSONSchemaProps): FieldError[] {
  const { metadata } = properties;
  if (!metadata) return [];
  const { type: _t, description: _d, properties: fields = {}, ...rest } = metadata;
  const isPlain = Object.values(rest).every((value) => value === undefined);
  if (isPlain && Object.keys(fields).every((name) => name === 'name' || name === 'generateName')) return [];
  const because = 'must not specify anything other than name and generateName, but metadata is implicitly specified';
  return [fieldForbidden(`${path}.properties[metadata]`, because)];
}
