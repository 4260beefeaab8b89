/** How the fields of custom resources merge and are owned, by the extensions of their schema. */
import { freeType, structType } from '../apply/field-types.ts';
import type { FieldType, StructType } from '../apply/field-types.ts';
import type { Structural } from './structural.ts';

const metadataSchema = 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta';
const leafType: FieldType = { is: 'leaf' };
const noEmpties: ReadonlyMap<string, object> = new Map();

/** The type of whole objects of this schema. */
export function ownedFieldsOf(schema: Structural): StructType {
  const top = structOf(schema);
  const fields = new Map<string, FieldType>([
    ...top.fields,
    ['apiVersion', { is: 'leaf', expects: 'string' }],
    ['kind', { is: 'leaf', expects: 'string' }],
    ['metadata', structType(metadataSchema)],
  ]);
  return { ...top, fields, empties: new Map([['metadata', Object.freeze({})]]) };
}

/** Where the schema keeps what it does not know, that is taken as it comes. */
function structOf({ properties, keepsUnknown }: Structural): StructType {
  const fields = new Map([...properties].map(([name, property]) => [name, typeOf(property)] as const));
  return { is: 'struct', fields, empties: noEmpties, ...(keepsUnknown && { others: freeType }) };
}

function typeOf(schema: Structural): FieldType {
  if (schema.isIntOrString) return leafType;
  switch (schema.type) {
    case 'object':
      return mapOrStruct(schema);
    case 'array':
      return listOf(schema);
    case 'string':
    case 'boolean':
      return { is: 'leaf', expects: schema.type };
    case 'integer':
    case 'number':
      return { is: 'leaf', expects: 'number' };
    default:
      return freeType;
  }
}

function mapOrStruct(schema: Structural): FieldType {
  if (schema.isAtomicMap) return leafType;
  if (schema.additional !== undefined) {
    return { is: 'map', items: schema.additional === true ? freeType : typeOf(schema.additional) };
  }
  return schema.keepsUnknown && schema.properties.size === 0 ? freeType : structOf(schema);
}

/** A list is one field unless the schema says how its items are told apart. */
function listOf({ listType, listKeys, items }: Structural): FieldType {
  if (listType === 'set' && items) return { is: 'set', items: typeOf(items) };
  if (listType !== 'map' || !items) return leafType;
  const keys = listKeys.toSorted().map((name) => ({
    name,
    fallback: items.properties.get(name)?.fallback,
    empty: undefined,
  }));
  return { is: 'keyed', items: items.isAtomicMap ? leafType : typeOf(items), keys };
}
