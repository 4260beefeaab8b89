/** OpenAPI 2 ("swagger"): one document for everything, for clients that know no better. */
import type { Kind } from '#lib/kinds/define-kind.ts';
import { outerOperations, resourcesOperation } from './discovery-operations.ts';
import { groupKinds } from './discovery.ts';
import { codeWords, type Operation, type Parameter } from './operation.ts';
import { operationsOf } from './operations.ts';
import { groupByPath } from './parameters.ts';
import { collectSchemas, dialectV2, referTo, rootsOf, type Schema } from './schemas.ts';

export interface Swagger {
  swagger: '2.0';
  info: { title: string; version: string };
  paths: Record<string, Record<string, Schema | Schema[]>>;
  definitions: Record<string, Schema>;
  securityDefinitions: Record<string, Schema>;
  security: Record<string, string[]>[];
}

export function swaggerDocument(kinds: readonly Kind[], version: string): Swagger {
  const lists = groupKinds(kinds).flatMap(({ group, versions }) =>
    versions.map((served) => resourcesOperation(group, served.version)),
  );
  const operations = [...outerOperations(kinds).values(), ...lists, ...operationsOf(kinds)];
  return {
    swagger: '2.0',
    info: { title: 'Kubernetes', version },
    paths: renderPaths(operations),
    definitions: collectSchemas(rootsOf(operations), kinds, dialectV2),
    securityDefinitions: {
      BearerToken: { description: 'Bearer token', type: 'apiKey', name: 'authorization', in: 'header' },
    },
    security: [{ BearerToken: [] }],
  };
}

function renderPaths(operations: readonly Operation[]): Swagger['paths'] {
  const paths = groupByPath(operations).map(({ path, shared, operations: members }) => {
    const methods = members.map(({ operation, own }): [string, Schema] => [
      operation.method,
      renderOperation(operation, own),
    ]);
    return [
      path,
      {
        ...Object.fromEntries(methods),
        ...(shared.length > 0 && { parameters: shared.map(renderParameter) }),
      },
    ] as const;
  });
  return Object.fromEntries(paths);
}

function renderOperation(operation: Operation, own: readonly Parameter[]): Schema {
  const { body, answer, method, action, type, consumes } = operation;
  const bodies = body
    ? [{ name: 'body', in: 'body', ...(method !== 'delete' && { required: true }), schema: referTo(body, dialectV2) }]
    : [];
  const parameters = [...bodies, ...own.map(renderParameter)];
  const schema = answer ? referTo(answer, dialectV2) : { type: 'string' };
  return {
    description: operation.description,
    ...(consumes.length > 0 && { consumes }),
    produces: operation.produces,
    schemes: ['https'],
    tags: [operation.tag],
    operationId: operation.id,
    ...(parameters.length > 0 && { parameters }),
    responses: {
      ...Object.fromEntries(operation.codes.map((code) => [code, { description: codeWords[code], schema }])),
      '401': { description: 'Unauthorized' },
    },
    ...(action && { 'x-kubernetes-action': action, 'x-kubernetes-group-version-kind': type }),
  };
}

function renderParameter({ name, in: place, type, description }: Parameter): Schema {
  return { name, in: place, description, type, uniqueItems: true, ...(place === 'path' && { required: true }) };
}
