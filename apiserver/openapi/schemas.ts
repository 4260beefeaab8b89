/** API types as OpenAPI schemas, in the dialect of either version of OpenAPI. */
import type { Kind } from '#lib/kinds/define-kind.ts';
import { pointerFields, schemaType, type SchemaField, type SchemaType } from '#lib/kinds/schema.ts';
import { fieldDescription, typeDescription } from './descriptions.ts';
import type { Operation } from './operation.ts';
import { customSchemas } from './custom-schemas.ts';
import { unionOf } from './unions.ts';

/** What differs between OpenAPI 2 and 3. */
interface Dialect {
  /** Before a definition's name in a reference. */
  referencePrefix: string;
  /** Version 3 tells defaults, and wants references without anything beside them; old clients of version 2 stumble over defaults. */
  rich: boolean;
}

export const dialectV2: Dialect = { referencePrefix: '#/definitions/', rich: false };
export const dialectV3: Dialect = { referencePrefix: '#/components/schemas/', rich: true };

export type Schema = Record<string, unknown>;

const meta = 'io.k8s.apimachinery.pkg.apis.meta.v1';

/** Types that the schema data writes as scalars, and that OpenAPI gives names of their own. */
export const names = {
  quantity: 'io.k8s.apimachinery.pkg.api.resource.Quantity',
  intOrString: 'io.k8s.apimachinery.pkg.util.intstr.IntOrString',
  time: `${meta}.Time`,
  microTime: `${meta}.MicroTime`,
  fields: `${meta}.FieldsV1`,
  raw: 'io.k8s.apimachinery.pkg.runtime.RawExtension',
  patch: `${meta}.Patch`,
  deleteOptions: `${meta}.DeleteOptions`,
  status: `${meta}.Status`,
  watchEvent: `${meta}.WatchEvent`,
} as const;

/** The definitions that requests and answers are of. */
export function rootsOf(operations: readonly Pick<Operation, 'body' | 'answer'>[]): Set<string> {
  return new Set(operations.flatMap(({ body = [], answer = [] }) => [body, answer].flat()));
}

/** The schemas of these definitions and of all that they refer to, by name in alphabetical order. */
export function collectSchemas(
  roots: Iterable<string>,
  kinds: readonly Kind[],
  dialect: Dialect,
): Record<string, Schema> {
  const types = groupVersionKinds(kinds);
  const custom = customSchemas(kinds, dialect);
  const found = new Map<string, Schema>();
  const waiting = [...roots];
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    if (found.has(name)) continue;
    const own = custom.get(name);
    if (own) {
      found.set(name, own.schema);
      waiting.push(...own.refers);
      continue;
    }
    const special = specialSchema(name, dialect);
    if (special) {
      found.set(name, special);
      continue;
    }
    const type = name === names.watchEvent ? watchEvent : schemaType(name);
    found.set(name, structSchema(name, type, types.get(name), dialect));
    waiting.push(...Object.values(type.props ?? {}).flatMap(referencesOf));
  }
  return Object.fromEntries([...found].sort(([a], [b]) => (a < b ? -1 : 1)));
}

interface GroupVersionKind {
  group: string;
  version: string;
  kind: string;
}

interface KindFacts {
  identities: GroupVersionKind[];
  description: string;
}

/** Definition name -> the kinds it is the type of. Options and Status belong to every group version. */
function groupVersionKinds(kinds: readonly Kind[]): Map<string, KindFacts> {
  const result = new Map<string, KindFacts>();
  const everywhere = new Set<string>();
  for (const { group, version, kind, schema, custom, description = '' } of kinds) {
    result.set(schema, { identities: [{ group, version, kind }], description });
    result.set(`${schema}List`, {
      identities: [{ group, version, kind: `${kind}List` }],
      description: `A list of ${kind} objects.`,
    });
    if (!custom) everywhere.add(`${group}/${version}`);
  }
  const add = (name: string, group: string, version: string, kind: string, description: string) =>
    result.set(name, { identities: [{ group, version, kind }], description });
  add(
    'io.k8s.api.autoscaling.v1.Scale',
    'autoscaling',
    'v1',
    'Scale',
    'How many replicas a workload has and should have.',
  );
  add(
    'io.k8s.api.policy.v1.Eviction',
    'policy',
    'v1',
    'Eviction',
    'Asks for a pod to go, as far as disruption budgets allow.',
  );
  add(
    'io.k8s.api.authentication.v1.TokenRequest',
    'authentication.k8s.io',
    'v1',
    'TokenRequest',
    'Asks for a token of a service account.',
  );
  add(names.status, '', 'v1', 'Status', 'How a request went that has no object to answer with.');
  for (const [kind, description] of Object.entries(discoveryKinds)) add(`${meta}.${kind}`, '', 'v1', kind, description);
  const versions = [...everywhere].sort().map((text) => text.split('/') as [string, string]);
  for (const [name, kind, description] of [
    [names.deleteOptions, 'DeleteOptions', 'How an object is to be deleted.'],
    [names.watchEvent, 'WatchEvent', 'A change of an object, as a watch tells it.'],
  ] as const) {
    result.set(name, { identities: versions.map(([group, version]) => ({ group, version, kind })), description });
  }
  return result;
}

const discoveryKinds = {
  APIVersions: 'The versions of the core group.',
  APIGroupList: 'The groups of the API.',
  APIGroup: 'A group of the API and its versions.',
  APIResourceList: 'The resources of one version of a group.',
};

/** The data lacks the event of a watch. */
const watchEvent: SchemaType = {
  required: ['type', 'object'],
  props: { type: { type: 'string' }, object: { type: 'object', raw: true } },
};

function structSchema(name: string, type: SchemaType, facts: KindFacts | undefined, dialect: Dialect): Schema {
  const description = facts?.description || typeDescription(name);
  const union = unionOf(name);
  const required = (type.required ?? []).filter((field) => type.props?.[field]);
  const properties = Object.entries(type.props ?? {}).map(([field, schema]): [string, Schema] => {
    const description = fieldDescription(name, field);
    const beside = {
      ...(description && { description }),
      ...(dialect.rich && defaultOf(name, field, schema, required)),
      ...extensionsOf(schema),
    };
    return [field, besides(valueSchema(field, schema, dialect), beside, dialect)];
  });
  return {
    ...(description && { description }),
    type: 'object',
    ...(required.length > 0 && { required }),
    ...(properties.length > 0 && { properties: Object.fromEntries(properties) }),
    ...(type.atomic && { 'x-kubernetes-map-type': 'atomic' }),
    ...(union && { 'x-kubernetes-unions': union }),
    ...(facts && { 'x-kubernetes-group-version-kind': facts.identities }),
  };
}

/** What kubectl, server-side apply and strategic merge patch need to know of a field. */
function extensionsOf(field: SchemaField): Schema {
  return {
    ...(field.lt && { 'x-kubernetes-list-type': field.lt }),
    ...(field.lk && { 'x-kubernetes-list-map-keys': field.lk }),
    ...(field.mt && { 'x-kubernetes-map-type': field.mt }),
    ...(field.ps && { 'x-kubernetes-patch-strategy': field.ps }),
    ...(field.pk && { 'x-kubernetes-patch-merge-key': field.pk }),
  };
}

/** The stated default, or the zero value of what Go always writes: structs, and what may not be omitted, unless held by pointer. */
function defaultOf(type: string, name: string, field: SchemaField, required: readonly string[]): Schema {
  if (field.default !== undefined) return { default: JSON.parse(field.default) as unknown };
  if (pointerFields(type).includes(name)) return {};
  if (field.$ref) return { default: {} };
  return required.includes(name) ? zeroOf(field) : {};
}

/** The zero value of a scalar that is no type of its own. */
function zeroOf({ type, format }: SchemaField): Schema {
  if (type === 'boolean') return { default: false };
  if (type === 'integer' || type === 'number') return { default: 0 };
  return type === 'string' && format === undefined ? { default: '' } : {};
}

function valueSchema(name: string, field: SchemaField, dialect: Dialect): Schema {
  const reference = referenceOf(name, field);
  if (reference) return referTo(reference, dialect);
  switch (field.type) {
    case 'array':
      return { type: 'array', items: itemSchema(field.items ?? {}, dialect) };
    case 'object':
      return { type: 'object', additionalProperties: itemSchema(field.additionalProperties ?? {}, dialect) };
    case undefined:
      return { type: 'object' };
    default:
      return {
        type: field.type,
        ...(field.format && { format: field.format }),
        ...(field.enum && { enum: field.enum }),
      };
  }
}

/** What stands in lists and maps: as a field, and in version 3 with the zero value that Go gives it. */
function itemSchema(item: SchemaField, dialect: Dialect): Schema {
  const schema = valueSchema('', item, dialect);
  const zero = item.$ref ? { default: {} } : zeroOf(item);
  return besides(schema, dialect.rich ? zero : {}, dialect);
}

export function referTo(name: string, dialect: Dialect): Schema {
  return { $ref: dialect.referencePrefix + name };
}

/** A schema and more about it. A reference may have nothing beside it in OpenAPI 3.0, and is wrapped then. */
function besides(schema: Schema, more: Schema, { rich }: Dialect): Schema {
  const wrap = rich && '$ref' in schema && Object.keys(more).length > 0;
  return { ...more, ...(wrap ? { allOf: [schema] } : schema) };
}

/** The definition that a field's value is of. */
function referenceOf(name: string, field: SchemaField): string | undefined {
  if (field.$ref) return field.$ref;
  if (field.raw) return name === 'fieldsV1' ? names.fields : names.raw;
  if (field.type === 'quantity') return names.quantity;
  if (field.type === 'int-or-string') return names.intOrString;
  if (field.format === 'date-time') return field.micro ? names.microTime : names.time;
  return undefined;
}

function referencesOf(field: SchemaField): string[] {
  const inner = [field.items, field.additionalProperties].flatMap((part) => (part ? referencesOf(part) : []));
  // `raw` needs its field's name; both names are cheap, so a type with either gets both.
  const own = field.raw ? [names.fields, names.raw] : [referenceOf('', field) ?? []].flat();
  return [...own, ...inner];
}

function specialSchema(name: string, { rich }: Dialect): Schema | undefined {
  switch (name) {
    case names.quantity: {
      const description = 'An amount of a resource: a number, and a suffix such as m, k, M, Gi.';
      return rich ? { description, oneOf: [{ type: 'string' }, { type: 'number' }] } : { description, type: 'string' };
    }
    case names.intOrString: {
      const description = 'A whole number, or a text that names or describes one.';
      const format = 'int-or-string';
      return rich
        ? { description, format, oneOf: [{ type: 'integer' }, { type: 'string' }] }
        : { description, type: 'string', format };
    }
    case names.time:
      return { description: 'A time in RFC 3339, with seconds.', type: 'string', format: 'date-time' };
    case names.microTime:
      return { description: 'A time in RFC 3339, with microseconds.', type: 'string', format: 'date-time' };
    case names.fields:
      return { description: 'A set of fields, as nested maps whose keys name them.', type: 'object' };
    case names.raw:
      return { description: 'Any JSON object.', type: 'object' };
    case names.patch:
      return { description: 'A patch, of the type that the request names.', type: 'object' };
    default:
      return undefined;
  }
}
