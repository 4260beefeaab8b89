/** OpenAPI 2 ("swagger"): one document for everything, for clients that know no better. */
import type { Kind } from '#lib/kinds/define-kind.ts';
import { operationsOf, type Operation, type Parameter } from './operations.ts';
import { collectSchemas, dialectV2, referTo, type Schema } from './schemas.ts';

const produces = ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf'];
const patchTypes = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/apply-patch+yaml',
];

export interface Swagger {
  swagger: '2.0';
  info: { title: string; version: string };
  paths: Record<string, Record<string, Schema | Schema[]>>;
  definitions: Record<string, Schema>;
  securityDefinitions: Record<string, Schema>;
  security: Record<string, string[]>[];
}

export function swaggerDocument(kinds: readonly Kind[], version: string): Swagger {
  const operations = operationsOf(kinds);
  const roots = new Set(
    kinds.flatMap(({ schema, verbs }) => (verbs.includes('list') ? [schema, `${schema}List`] : [schema])),
  );
  for (const { body, answer } of operations) for (const name of [body, answer]) if (name) roots.add(name);
  return {
    swagger: '2.0',
    info: { title: 'Kubernetes', version },
    paths: renderPaths(operations),
    definitions: collectSchemas(roots, kinds, dialectV2),
    securityDefinitions: {
      BearerToken: { description: 'Bearer token', type: 'apiKey', name: 'authorization', in: 'header' },
    },
    security: [{ BearerToken: [] }],
  };
}

function renderPaths(operations: readonly Operation[]): Swagger['paths'] {
  const paths = [...Map.groupBy(operations, ({ path }) => path)].sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(
    paths.map(([path, list]) => {
      const shared = (list[0]?.parameters ?? []).filter((parameter) => parameter.in === 'path');
      const methods = Object.fromEntries(
        list.map((operation): [string, Schema] => [operation.method, renderOperation(operation)]),
      );
      return [path, { ...methods, ...(shared.length > 0 && { parameters: shared.map(renderParameter) }) }];
    }),
  );
}

function renderOperation(operation: Operation): Schema {
  const { body, answer, parameters, method, action } = operation;
  const bodyParameter = body
    ? [{ name: 'body', in: 'body', ...(method !== 'delete' && { required: true }), schema: referTo(body, dialectV2) }]
    : [];
  const own = parameters.filter((parameter) => parameter.in === 'query').map(renderParameter);
  return {
    description: operation.description,
    consumes: method === 'patch' && action !== 'connect' ? patchTypes : ['*/*'],
    produces: answer ? produces : ['*/*'],
    schemes: ['https'],
    tags: [operation.tag],
    operationId: operation.id,
    parameters: [...bodyParameter, ...own],
    responses: {
      '200': { description: 'OK', schema: answer ? referTo(answer, dialectV2) : { type: 'string' } },
      '401': { description: 'Unauthorized' },
    },
    'x-kubernetes-action': action,
    'x-kubernetes-group-version-kind': operation.type,
  };
}

function renderParameter({ name, in: place, type, description, required }: Parameter): Schema {
  return { name, in: place, description, type, uniqueItems: true, ...(required && { required }) };
}
