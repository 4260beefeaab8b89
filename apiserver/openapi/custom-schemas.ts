/** The schemas of custom resources as OpenAPI tells them: what their definition says, with the metadata that all objects have. */
import type { Kind } from '#lib/kinds/define-kind.ts';
import type { JSONSchemaProps } from '#lib/kinds/gen/apiextensions-v1.ts';
import { isMap } from '#lib/meta/json-map.ts';
import type { Schema } from './schemas.ts';

interface Dialect {
  referencePrefix: string;
  /** Version 3 tells all; clients of version 2 know neither alternatives nor nulls. */
  rich: boolean;
}

export interface OwnSchema {
  schema: Schema;
  /** Definitions that it refers to. */
  refers: string[];
}

const meta = 'io.k8s.apimachinery.pkg.apis.meta.v1';

const typeFields = {
  apiVersion: { type: 'string', description: 'The version of the schema of this object.' },
  kind: { type: 'string', description: 'The kind of this object.' },
};

/** The definitions of custom kinds and of their lists, by name. */
export function customSchemas(kinds: readonly Kind[], dialect: Dialect): Map<string, OwnSchema> {
  const found = new Map<string, OwnSchema>();
  const refer = (name: string) => ({ $ref: dialect.referencePrefix + name });
  for (const { group, version, kind, schema: name, custom } of kinds) {
    if (!custom) continue;
    const identity = (kind: string) => ({ 'x-kubernetes-group-version-kind': [{ group, version, kind }] });
    const { properties = {}, ...rest } = dialect.rich ? (custom.schema as Schema) : forVersion2(custom.schema);
    const metadata = {
      description: 'Standard metadata of the object.',
      ...(dialect.rich ? { allOf: [refer(`${meta}.ObjectMeta`)] } : refer(`${meta}.ObjectMeta`)),
    };
    const schema = { type: 'object', ...rest, properties: { ...typeFields, ...(properties as object), metadata } };
    found.set(name, { schema: { ...schema, ...identity(kind) }, refers: [`${meta}.ObjectMeta`] });
    const list = {
      description: `A list of ${kind} objects.`,
      type: 'object',
      required: ['items'],
      properties: {
        ...typeFields,
        items: { type: 'array', items: refer(name), description: 'The objects.' },
        metadata: {
          description: 'Standard metadata of the list.',
          ...(dialect.rich ? { allOf: [refer(`${meta}.ListMeta`)] } : refer(`${meta}.ListMeta`)),
        },
      },
    };
    found.set(`${name}List`, {
      schema: { ...list, ...identity(`${kind}List`) },
      refers: [name, `${meta}.ListMeta`],
    });
  }
  return found;
}

/** What clients of version 2 would stumble over is left out: they check less then. */
function forVersion2(schema: JSONSchemaProps): Schema {
  const kept: Schema = {};
  const isLoose =
    schema.nullable || schema['x-kubernetes-int-or-string'] || schema['x-kubernetes-preserve-unknown-fields'];
  for (const [name, value] of Object.entries(schema)) {
    if (name === 'description' || name.startsWith('x-kubernetes-')) kept[name] = value;
    else if (!isLoose && !unknownToVersion2.has(name)) kept[name] = value;
  }
  delete kept['x-kubernetes-validations'];
  if (isLoose) return kept;
  const { properties, items, additionalProperties } = schema;
  if (properties) {
    const inner = Object.entries(properties).map(([name, property]) => [name, forVersion2(property)]);
    kept['properties'] = Object.fromEntries(inner) as object;
  }
  if (isMap(items)) kept['items'] = forVersion2(items);
  if (isMap(additionalProperties)) {
    kept['additionalProperties'] = forVersion2(additionalProperties);
  }
  return kept;
}

const unknownToVersion2: ReadonlySet<string> = new Set(['nullable', 'allOf', 'anyOf', 'oneOf', 'not', 'default']);
