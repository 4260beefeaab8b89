/**
 * The protobuf form of OpenAPI 2 (gnostic's `openapi.v2.Document`), which client-go and older kubectl ask for. Field numbers are those of
 * gnostic's OpenAPIv2.proto; only what our document contains is written.
 */
import protobuf from 'protobufjs';
import type { Swagger } from './openapi-v2.ts';

type Json = Record<string, unknown>;
type Writer = protobuf.Writer;

/** Length-delimited wire type. */
const tag = (field: number) => (field << 3) | 2;
const varint = (field: number) => field << 3;

export function encodeSwagger(document: Swagger): Buffer {
  const writer = protobuf.Writer.create();
  text(writer, 1, document.swagger);
  message(writer, 2, () => {
    text(writer, 1, document.info.title);
    text(writer, 2, document.info.version);
  });
  message(writer, 8, () => {
    for (const [path, item] of Object.entries(document.paths))
      named(writer, 2, path, () => writePathItem(writer, item));
  });
  message(writer, 9, () => writeSchemas(writer, document.definitions));
  for (const requirement of document.security) {
    message(writer, 12, () => {
      for (const [name, scopes] of Object.entries(requirement)) {
        named(writer, 1, name, () => {
          for (const scope of scopes) text(writer, 1, scope);
        });
      }
    });
  }
  message(writer, 13, () => {
    for (const [name, definition] of Object.entries(document.securityDefinitions)) {
      named(writer, 1, name, () => message(writer, 2, () => writeApiKey(writer, definition)));
    }
  });
  return Buffer.from(writer.finish());
}

function writeApiKey(writer: Writer, definition: Json): void {
  for (const [field, name] of [
    [1, 'type'],
    [2, 'name'],
    [3, 'in'],
    [4, 'description'],
  ] as const) {
    text(writer, field, definition[name]);
  }
}

const methodFields = { get: 2, put: 3, post: 4, delete: 5, options: 6, head: 7, patch: 8 } as const;

function writePathItem(writer: Writer, item: Json): void {
  for (const [method, field] of Object.entries(methodFields)) {
    const operation = item[method];
    if (operation) message(writer, field, () => writeOperation(writer, operation as Json));
  }
  for (const parameter of (item['parameters'] ?? []) as Json[])
    message(writer, 9, () => writeParameter(writer, parameter));
}

function writeOperation(writer: Writer, operation: Json): void {
  for (const value of operation['tags'] as string[]) text(writer, 1, value);
  text(writer, 3, operation['description']);
  text(writer, 5, operation['operationId']);
  for (const value of operation['produces'] as string[]) text(writer, 6, value);
  for (const value of (operation['consumes'] ?? []) as string[]) text(writer, 7, value);
  for (const parameter of (operation['parameters'] ?? []) as Json[])
    message(writer, 8, () => writeParameter(writer, parameter));
  message(writer, 9, () => {
    for (const [code, response] of Object.entries(operation['responses'] as Record<string, Json>)) {
      named(writer, 1, code, () => message(writer, 1, () => writeResponse(writer, response)));
    }
  });
  for (const value of operation['schemes'] as string[]) text(writer, 10, value);
  writeExtensions(writer, 13, operation);
}

function writeResponse(writer: Writer, response: Json): void {
  text(writer, 1, response['description']);
  const schema = response['schema'];
  if (schema) message(writer, 2, () => message(writer, 1, () => writeSchema(writer, schema as Json)));
}

/** Parameters stand in a ParametersItem, within a Parameter, within what their place makes of them. */
function writeParameter(writer: Writer, parameter: Json): void {
  message(writer, 1, () => {
    if (parameter['in'] === 'body') {
      message(writer, 1, () => {
        text(writer, 1, parameter['description']);
        text(writer, 2, parameter['name']);
        text(writer, 3, parameter['in']);
        flag(writer, 4, parameter['required']);
        message(writer, 5, () => writeSchema(writer, parameter['schema'] as Json));
      });
      return;
    }
    const inQuery = parameter['in'] === 'query';
    message(writer, 2, () =>
      message(writer, inQuery ? 3 : 4, () => {
        flag(writer, 1, parameter['required']);
        text(writer, 2, parameter['in']);
        text(writer, 3, parameter['description']);
        text(writer, 4, parameter['name']);
        text(writer, inQuery ? 6 : 5, parameter['type']);
        flag(writer, inQuery ? 20 : 19, parameter['uniqueItems']);
      }),
    );
  });
}

function writeSchemas(writer: Writer, schemas: Record<string, Json>): void {
  for (const [name, schema] of Object.entries(schemas)) named(writer, 1, name, () => writeSchema(writer, schema));
}

function writeSchema(writer: Writer, schema: Json): void {
  text(writer, 1, schema['$ref']);
  text(writer, 2, schema['format']);
  text(writer, 4, schema['description']);
  for (const name of (schema['required'] ?? []) as string[]) text(writer, 19, name);
  for (const value of (schema['enum'] ?? []) as string[]) message(writer, 20, () => text(writer, 2, yamlOf(value)));
  const { additionalProperties, items, properties, type } = schema;
  if (additionalProperties)
    message(writer, 21, () => message(writer, 1, () => writeSchema(writer, additionalProperties as Json)));
  if (type) message(writer, 22, () => text(writer, 1, type));
  if (items) message(writer, 23, () => message(writer, 1, () => writeSchema(writer, items as Json)));
  if (properties) message(writer, 25, () => writeSchemas(writer, properties as Record<string, Json>));
  writeExtensions(writer, 31, schema);
}

/** Values of any type are text in YAML, which JSON is. */
const yamlOf = (value: unknown) => `${JSON.stringify(value)}\n`;

function writeExtensions(writer: Writer, field: number, value: Json): void {
  for (const [name, extension] of Object.entries(value)) {
    if (name.startsWith('x-')) named(writer, field, name, () => text(writer, 2, yamlOf(extension)));
  }
}

/** A name and a message: how gnostic writes the entries of a map. */
function named(writer: Writer, field: number, name: string, write: () => void): void {
  message(writer, field, () => {
    text(writer, 1, name);
    message(writer, 2, write);
  });
}

function message(writer: Writer, field: number, write: () => void): void {
  writer.uint32(tag(field)).fork();
  write();
  writer.ldelim();
}

function text(writer: Writer, field: number, value: unknown): void {
  if (typeof value === 'string' && value !== '') writer.uint32(tag(field)).string(value);
}

function flag(writer: Writer, field: number, value: unknown): void {
  if (value === true) writer.uint32(varint(field)).bool(true);
}
