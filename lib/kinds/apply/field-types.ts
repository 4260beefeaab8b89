/** How values of each API type merge and are owned: what is one field, and what has fields of its own. Compiled from the schema on first use. */
import { schemaType, type SchemaField } from '../schema.ts';

export type FieldType =
  /** One field, whatever is in it. `expects` is the JSON type of a scalar. */
  | { is: 'leaf'; expects?: 'string' | 'number' | 'boolean' }
  | StructType
  /** Any keys, each with a field of its own. */
  | { is: 'map'; items: FieldType }
  /** A list of scalars, each of which is there or not. */
  | { is: 'set'; items: FieldType }
  /** A list whose items are told apart by some of their fields. */
  | { is: 'keyed'; items: FieldType; keys: readonly ListKey[] }
  /** JSON that no schema describes: objects have fields, all else is one field. */
  | { is: 'free' };

export interface StructType {
  is: 'struct';
  /** By name. */
  readonly fields: ReadonlyMap<string, FieldType>;
  /** What is always there in Go, be it ever so empty, and is empty when left out: nobody owns that it exists. */
  readonly empties: ReadonlyMap<string, object>;
  /** Of fields with other names; undefined where there may be none. */
  readonly others?: FieldType;
}

interface ListKey {
  name: string;
  /** What an item has that leaves the key out. */
  fallback: unknown;
  /** What stands for it when it is absent and has no default; undefined for keys that are no texts. */
  empty: string | undefined;
}

const leafType: FieldType = { is: 'leaf' };
export const freeType: FieldType = { is: 'free' };

/**
 * Fields that hold a Go struct by value although they may be left out; the schema data tells only of those that are always written.
 * `spec`, `status`, `metadata` and `template` always do, except for the templates of ReplicationControllers.
 */
const plainFields = new Set([
  'spec',
  'status',
  'metadata',
  'template',
  'resources',
  'strategy',
  'updateStrategy',
  'loadBalancer',
  'state',
  'lastState',
  'daemonEndpoints',
  'kubeletEndpoint',
  'nodeInfo',
  'source',
  'conditions',
  'deprecatedSource',
  'regarding',
]);

const emptyFields = Object.freeze({});
const emptyList = Object.freeze([]);

const structs = new Map<string, StructType>();

/** The type of this OpenAPI definition name. */
export function structType(schema: string): StructType {
  let type = structs.get(schema);
  if (!type) {
    type = makeStruct(schema);
    structs.set(schema, type);
  }
  return type;
}

/** Its fields are compiled on first use, since types refer to each other in circles. */
function makeStruct(schema: string): StructType {
  let fields: Map<string, FieldType> | undefined;
  let empties: Map<string, object> | undefined;
  const type: StructType = {
    is: 'struct',
    get fields() {
      return (fields ??= new Map(
        Object.entries(schemaType(schema).props ?? {}).map(([name, field]) => [name, typeOf(field)]),
      ));
    },
    get empties() {
      return (empties ??= emptiesOf(schema, type.fields));
    },
  };
  return type;
}

function emptiesOf(schema: string, fields: ReadonlyMap<string, FieldType>): Map<string, object> {
  const { props = {}, required = [] } = schemaType(schema);
  const isPointer = schema.endsWith('.ReplicationControllerSpec');
  const empties = new Map<string, object>();
  for (const [name, { is }] of fields) {
    const isRequired = required.includes(name);
    if (is === 'set' || is === 'keyed') {
      if (isRequired) empties.set(name, emptyList);
    } else if (is === 'struct' || is === 'map') {
      const isPlain = props[name]?.$ref !== undefined && plainFields.has(name) && !isPointer;
      if (isRequired || isPlain) empties.set(name, emptyFields);
    }
  }
  return empties;
}

function typeOf(field: SchemaField): FieldType {
  if (field.mt === 'atomic') return leafType;
  if (field.$ref) {
    const { atomic, props } = schemaType(field.$ref);
    if ((atomic && field.mt !== 'granular') || !props) return leafType;
    return structType(field.$ref);
  }
  if (field.raw || !field.type) return freeType;
  switch (field.type) {
    case 'array':
      return listType(field);
    case 'object':
      return { is: 'map', items: typeOf(field.additionalProperties ?? {}) };
    case 'string':
    case 'boolean':
      return { is: 'leaf', expects: field.type };
    case 'integer':
    case 'number':
      return { is: 'leaf', expects: 'number' };
    default:
      return leafType;
  }
}

/** A list is one field unless the schema says how its items are told apart. */
function listType({ lt, lk = [], items = {} }: SchemaField): FieldType {
  if (lt === 'set') return { is: 'set', items: typeOf(items) };
  if (lt !== 'map' || !items.$ref) return leafType;
  const { props = {} } = schemaType(items.$ref);
  const keys = lk.toSorted().map((name) => {
    const fallback = props[name]?.default;
    // A text that is absent is the empty one, which is left out of what is stored.
    const empty = props[name]?.type === 'string' ? '' : undefined;
    return { name, fallback: fallback === undefined ? undefined : (JSON.parse(fallback) as unknown), empty };
  });
  // An item is named by its keys, and has fields also where its struct counts as one field elsewhere.
  const isAtomic = schemaType(items.$ref).atomic === true;
  return { is: 'keyed', items: isAtomic ? leafType : structType(items.$ref), keys };
}

/** The path element of a list's item. Keys that it lacks and that have no default are empty or left out, and told to `missing`. */
export function elementOf(
  list: FieldType & { is: 'set' | 'keyed' },
  item: unknown,
  missing?: (key: string) => void,
): string {
  if (list.is === 'set') return `v:${JSON.stringify(item)}`;
  const { keys } = list;
  const fields = (typeof item === 'object' && item !== null ? item : {}) as Record<string, unknown>;
  if (keys.length === 1) {
    const { name, fallback } = keys[0]!;
    const value = fields[name] ?? fallback;
    if (value !== undefined) return `k:{"${name}":${JSON.stringify(value)}}`;
  }
  const named: Record<string, unknown> = {};
  for (const { name, fallback, empty } of keys) {
    const value = fields[name] ?? fallback;
    if (value === undefined) missing?.(name);
    if ((value ?? empty) !== undefined) named[name] = value ?? empty;
  }
  return `k:${JSON.stringify(named)}`;
}
