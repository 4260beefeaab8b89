/** OpenAPI 3: an index, and a document for each group version. */
import type { Kind } from '#lib/kinds/define-kind.ts';
import { outerOperations, resourcesOperation } from './discovery-operations.ts';
import { groupKinds } from './discovery.ts';
import { codeWords, type Operation, type Parameter } from './operation.ts';
import { operationsOf } from './operations.ts';
import { groupByPath } from './parameters.ts';
import { collectSchemas, dialectV3, referTo, rootsOf, type Schema } from './schemas.ts';

/** A document yet to be made. */
interface Maker {
  /** The kinds that it is of; none when it is of what is served altogether. */
  members: readonly Kind[];
  make(): object;
}

/** Makers of the documents, by their paths below `/openapi/v3/`: `api/v1`, `apis/apps`, `apis/apps/v1`, `version`. */
export function openapiDocuments(kinds: readonly Kind[], apiVersion: string): Map<string, Maker> {
  const outer = [...outerOperations(kinds)].map(([path, operation]): [string, Maker] => [
    path,
    { members: [], make: () => render([operation], kinds, apiVersion) },
  ]);
  const inner = groupKinds(kinds).flatMap(({ group, versions }) =>
    versions.map(({ version, kinds: members }): [string, Maker] => [
      group === '' ? `api/${version}` : `apis/${group}/${version}`,
      {
        members,
        make: () => render([resourcesOperation(group, version), ...operationsOf(members)], kinds, apiVersion),
      },
    ]),
  );
  return new Map([...outer, ...inner].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** `GET /openapi/v3`: the path of every document, with a hash by which it may be kept. */
export function openapiIndex(hashes: ReadonlyMap<string, string>): object {
  const paths = [...hashes].map(([path, hash]) => [path, { serverRelativeURL: `/openapi/v3/${path}?hash=${hash}` }]);
  return { paths: Object.fromEntries(paths) as object };
}

function render(operations: readonly Operation[], kinds: readonly Kind[], version: string): object {
  return {
    openapi: '3.0.0',
    info: { title: 'Kubernetes', version },
    paths: renderPaths(operations),
    components: {
      schemas: collectSchemas(rootsOf(operations), kinds, dialectV3),
      securitySchemes: {
        BearerToken: { description: 'Bearer token', type: 'apiKey', name: 'authorization', in: 'header' },
      },
    },
  };
}

function renderPaths(operations: readonly Operation[]): object {
  const paths = groupByPath(operations).map(({ path, shared, operations: members }) => [
    path,
    {
      ...Object.fromEntries(members.map(({ operation, own }) => [operation.method, renderOperation(operation, own)])),
      ...(shared.length > 0 && { parameters: shared.map(renderParameter) }),
    },
  ]);
  return Object.fromEntries(paths) as object;
}

function renderOperation(operation: Operation, own: readonly Parameter[]): Schema {
  const { body, answer, method, action, type, produces } = operation;
  const content = contentOf(produces, answer);
  return {
    tags: [operation.tag],
    description: operation.description,
    operationId: operation.id,
    ...(own.length > 0 && { parameters: own.map(renderParameter) }),
    ...(body && {
      requestBody: {
        content: contentOf(operation.consumes, body),
        ...(method !== 'delete' && { required: true }),
      },
    }),
    responses: {
      ...Object.fromEntries(operation.codes.map((code) => [code, { description: codeWords[code], content }])),
      '401': { description: 'Unauthorized' },
    },
    ...(action && { 'x-kubernetes-action': action, 'x-kubernetes-group-version-kind': type }),
  };
}

function contentOf(types: readonly string[], definition: string | undefined): Schema {
  const schema = definition ? referTo(definition, dialectV3) : { type: 'string' };
  return Object.fromEntries(types.toSorted().map((type) => [type, { schema }]));
}

function renderParameter({ name, in: place, type, description }: Parameter): Schema {
  const required = place === 'path' && { required: true };
  return { name, in: place, description, ...required, schema: { type, uniqueItems: true } };
}
