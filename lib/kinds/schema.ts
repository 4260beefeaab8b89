/** The API facts as data: what every upstream type's fields are. `schema/README.md` tells the format. */
import { readFileSync } from 'node:fs';

export interface SchemaField {
  type?: 'string' | 'boolean' | 'integer' | 'number' | 'array' | 'object' | 'quantity' | 'int-or-string';
  format?: 'int32' | 'int64' | 'double' | 'byte' | 'date-time';
  $ref?: string;
  items?: SchemaField;
  additionalProperties?: SchemaField;
  enum?: string[];
  /** A literal, as JSON text. */
  default?: string;
  /** Protobuf field number. */
  pn?: number;
  /** Strategic merge patch strategy and merge key. */
  ps?: string;
  pk?: string;
  /** List type, its map keys, and map or struct type, for server-side apply. */
  lt?: 'atomic' | 'set' | 'map';
  lk?: string[];
  mt?: 'atomic' | 'granular';
  /** Free-form JSON. */
  raw?: boolean;
  /** A JSON schema, or what stands for one: a boolean, a list of schemas, a list of texts. In protobuf a message of either. */
  or?: 'bool' | 'list' | 'texts';
  /** A time with microseconds (Go's MicroTime). */
  micro?: boolean;
}

export interface SchemaType {
  props?: Record<string, SchemaField>;
  required?: string[];
  atomic?: boolean;
}

/** The data does not tell MicroTime from Time; these are all fields of the served groups that hold one. */
const microTimes = {
  'io.k8s.api.coordination.v1.LeaseSpec': ['acquireTime', 'renewTime'],
  'io.k8s.api.core.v1.Event': ['eventTime'],
  'io.k8s.api.core.v1.EventSeries': ['lastObservedTime'],
  'io.k8s.api.events.v1.Event': ['eventTime'],
  'io.k8s.api.events.v1.EventSeries': ['lastObservedTime'],
};

type Types = Record<string, SchemaType>;
let loaded: Types | undefined;

/** The type of this OpenAPI definition name, such as `io.k8s.api.core.v1.Pod`; throws for an unknown one. */
export function schemaType(name: string): SchemaType {
  const type = types()[name];
  if (!type) throw new Error(`No schema type "${name}"`);
  return type;
}

/** Every definition name. */
export function schemaNames(): string[] {
  return Object.keys(types());
}

let pointers: Record<string, string[]> | undefined;

/** The fields of a type that Go holds by pointer: their zero values are told apart from their absence. */
export function pointerFields(name: string): readonly string[] {
  pointers ??= JSON.parse(readFileSync(new URL('./schema/pointers-1.32.json', import.meta.url), 'utf8')) as Record<
    string,
    string[]
  >;
  return pointers[name] ?? [];
}

/** The types of all files of data. */
export function readSchemaFiles(): Types {
  const files = ['api-1.32.json', 'apiextensions-1.32.json'];
  const read = files.map((file) => readFileSync(new URL(`./schema/${file}`, import.meta.url), 'utf8'));
  return Object.assign({}, ...read.map((text) => JSON.parse(text) as Types)) as Types;
}

/** Read when first asked for: most processes know kinds without ever decoding one. */
function types(): Types {
  loaded ??= readTypes();
  return loaded;
}

function readTypes(): Types {
  const read = readSchemaFiles();
  for (const [name, fields] of Object.entries(microTimes)) {
    for (const field of fields) read[name]!.props![field]!.micro = true;
  }
  return read;
}
