/**
 * JSON values as upstream's protobuf messages, byte for byte: fields in the order of their numbers, maps in the order of their keys, and whatever
 * Go does not hold by pointer always written, even when it is empty.
 */
import { pointerFields, schemaType } from '#lib/kinds/schema.ts';
import type { SchemaField } from '#lib/kinds/schema.ts';
import { embedded, isBoxed, jsonSchema } from './protobuf-shapes.ts';
import { makeBackwardWriter, wires } from './protobuf-writer.ts';

type Json = Record<string, unknown>;

/** Writes one value, backwards; of a message its length too. */
type Write = (value: unknown) => void;

const writer = makeBackwardWriter();

/** The message of a value of this definition name. Values are as structural decoding makes them; a TypeError tells of others. */
export function encodeMessage(schema: string, value: object): Buffer {
  try {
    fieldsOf(schema).forEach((write) => write(value as Json));
    return writer.take();
  } catch (error) {
    writer.reset();
    throw error;
  }
}

/** Writes a field of a struct, or nothing. */
type WriteField = (struct: Json) => void;

const compiled = new Map<string, WriteField[]>();

/** The fields of a type from the last to the first. */
function fieldsOf(schema: string): WriteField[] {
  let fields = compiled.get(schema);
  if (!fields) compiled.set(schema, (fields = compile(schema)));
  return fields;
}

function compile(schema: string): WriteField[] {
  const short = schema.replace(/^io\.k8s\.api\./, '');
  const inner = (embedded[short] ?? []).map(({ pn, type }) => ({ pn, type: `io.k8s.api.${type}` }));
  const inlined = new Set(inner.flatMap(({ type }) => Object.keys(schemaType(type).props ?? {})));
  const pointers = pointerFields(schema);
  const own = Object.entries(schemaType(schema).props ?? {}).flatMap(([name, facts]) =>
    facts.pn === undefined || inlined.has(name)
      ? []
      : [{ pn: facts.pn, write: makeField(schema, name, facts.pn, facts, pointers.includes(name)) }],
  );
  const parts = inner.map(({ pn, type }) => {
    const write = makeStruct(type);
    return {
      pn,
      write: (struct: Json) => {
        write(struct);
        writer.tag(pn, wires.bytes);
      },
    };
  });
  return [...own, ...parts].sort((a, b) => b.pn - a.pn).map(({ write }) => write);
}

function makeField(schema: string, name: string, pn: number, facts: SchemaField, pointer: boolean): WriteField {
  if (facts.type === 'array') return makeList(name, pn, facts.items ?? {}, isBoxed(schema, name));
  if (facts.type === 'object' && !facts.raw) return makeMap(name, pn, facts.additionalProperties ?? {});
  const { wire, write } = makeValue(facts);
  const zero = pointer || (facts.type === 'string' && facts.format === 'byte') ? undefined : zeroOf(facts);
  return (struct) => {
    const value = struct[name] ?? zero;
    if (value === undefined) return;
    write(value);
    writer.tag(pn, wire);
  };
}

/** A value that stands for absence where Go writes one all the same. */
function zeroOf(facts: SchemaField): unknown {
  if (facts.$ref) return {};
  if (facts.raw) return absent;
  switch (facts.type) {
    case 'boolean':
      return false;
    case 'integer':
    case 'number':
    case 'int-or-string':
      return 0;
    case 'quantity':
      return '0';
    default:
      return facts.format === 'date-time' ? absent : '';
  }
}

/** What is written as an empty message: no time, and free-form JSON that is not there. */
const absent = Symbol('absent');

function makeList(name: string, pn: number, items: SchemaField, boxed: boolean): WriteField {
  const { wire, write } = makeValue(items);
  const writeItems = (list: readonly unknown[], number: number) => {
    for (let i = list.length - 1; i >= 0; i--) {
      write(list[i]);
      writer.tag(number, wire);
    }
  };
  if (!boxed) {
    return (struct) => {
      const list = struct[name];
      if (list !== undefined && list !== null) writeItems(list as unknown[], pn);
    };
  }
  return (struct) => {
    const list = struct[name];
    if (list === undefined || list === null) return;
    nested(() => writeItems(list as unknown[], 1));
    writer.tag(pn, wires.bytes);
  };
}

function makeMap(name: string, pn: number, facts: SchemaField): WriteField {
  const { wire, write } = makeValue(facts);
  return (struct) => {
    const map = struct[name] as Json | undefined | null;
    if (map === undefined || map === null) return;
    for (const key of Object.keys(map).sort().reverse()) {
      nested(() => {
        write(map[key]);
        writer.tag(2, wire);
        writer.text(key);
        writer.tag(1, wires.bytes);
      });
      writer.tag(pn, wires.bytes);
    }
  };
}

/** Writes what `fill` does as a message, with its length. */
function nested(fill: () => void): void {
  const end = writer.length;
  fill();
  writer.varint(writer.length - end);
}

function makeStruct(schema: string): Write {
  let fields: WriteField[] | undefined;
  return (value) => {
    // Types refer to each other in circles, so the fields are only known now.
    fields ??= fieldsOf(schema);
    const end = writer.length;
    for (const write of fields) write(value as Json);
    writer.varint(writer.length - end);
  };
}

function makeValue(facts: SchemaField): { wire: (typeof wires)[keyof typeof wires]; write: Write } {
  if (facts.$ref) return { wire: wires.bytes, write: makeStruct(facts.$ref) };
  if (facts.or) return { wire: wires.bytes, write: makeEither(facts.or) };
  if (facts.raw) return { wire: wires.bytes, write: writeRaw };
  switch (facts.type) {
    case 'boolean':
      return { wire: wires.varint, write: (value) => writer.varint(value ? 1 : 0) };
    case 'integer':
      return { wire: wires.varint, write: (value) => writer.varint(value as number) };
    case 'number':
      return { wire: wires.double, write: (value) => writer.double(value as number) };
    case 'quantity':
      return { wire: wires.bytes, write: writeQuantity };
    case 'int-or-string':
      return { wire: wires.bytes, write: writeIntOrString };
    case 'array':
      return { wire: wires.bytes, write: makeItems(facts.items ?? {}) };
    case 'string':
      if (facts.format === 'date-time') return { wire: wires.bytes, write: writeTime };
      if (facts.format === 'byte') {
        return { wire: wires.bytes, write: (value) => writer.bytes(Buffer.from(value as string, 'base64')) };
      }
      return { wire: wires.bytes, write: (value) => writer.text(value as string) };
    default:
      throw new TypeError(`Cannot encode a field of type "${facts.type}"`);
  }
}

/** A schema, or what stands for one. That a schema is there allows something, which Go writes always. */
function makeEither(or: NonNullable<SchemaField['or']>): Write {
  const writeSchema = makeStruct(jsonSchema);
  const writeItem: Write = or === 'list' ? writeSchema : (value) => writer.text(value as string);
  return (value) =>
    nested(() => {
      if (Array.isArray(value)) {
        for (const item of value.toReversed()) {
          writeItem(item);
          writer.tag(2, wires.bytes);
        }
        return;
      }
      const isSchema = typeof value === 'object' && value !== null;
      if (isSchema) {
        writeSchema(value);
        writer.tag(or === 'bool' ? 2 : 1, wires.bytes);
      }
      if (or !== 'bool') return;
      writer.varint(isSchema || value === true ? 1 : 0);
      writer.tag(1, wires.varint);
    });
}

/** A list as a map's value. */
function makeItems(facts: SchemaField): Write {
  const { wire, write } = makeValue(facts);
  return (value) =>
    nested(() => {
      for (const item of (value as unknown[]).toReversed()) {
        write(item);
        writer.tag(1, wire);
      }
    });
}

function writeRaw(value: unknown): void {
  nested(() => {
    if (value === absent) return;
    writer.text(JSON.stringify(value));
    writer.tag(1, wires.bytes);
  });
}

function writeQuantity(value: unknown): void {
  nested(() => {
    writer.text(String(value));
    writer.tag(1, wires.bytes);
  });
}

function writeIntOrString(value: unknown): void {
  nested(() => {
    const isNumber = typeof value === 'number';
    writer.text(isNumber ? '' : String(value));
    writer.tag(3, wires.bytes);
    writer.varint(isNumber ? value : 0);
    writer.tag(2, wires.varint);
    writer.varint(isNumber ? 0 : 1);
    writer.tag(1, wires.varint);
  });
}

/** Seconds and nanoseconds; a time in whole seconds says zero nanoseconds. */
function writeTime(value: unknown): void {
  nested(() => {
    if (value === absent) return;
    const text = value as string;
    const fraction = /\.(\d+)/.exec(text)?.[1] ?? '';
    writer.varint(Number(fraction.slice(0, 9).padEnd(9, '0')));
    writer.tag(2, wires.varint);
    writer.varint(Math.floor(Date.parse(text) / 1000));
    writer.tag(1, wires.varint);
  });
}
