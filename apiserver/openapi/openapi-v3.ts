/** OpenAPI 3: an index, and a document for each group version. */
import type { Kind } from '#lib/kinds/define-kind.ts';
import { groupKinds } from './discovery.ts';
import { operationsOf, type Operation, type Parameter } from './operations.ts';
import { collectSchemas, dialectV3, referTo, type Schema } from './schemas.ts';

const json = 'application/json';
const protobuf = 'application/vnd.kubernetes.protobuf';
const yaml = 'application/yaml';
const patchTypes = [
  'application/apply-patch+yaml',
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
];

/** The kinds of each document, by its path below `/openapi/v3/`: `api/v1`, `apis/apps/v1`. */
export function documentKinds(kinds: readonly Kind[]): Map<string, Kind[]> {
  const documents = groupKinds(kinds).flatMap(({ group, versions }) =>
    versions.map(({ version, kinds: members }): [string, Kind[]] => [
      group === '' ? `api/${version}` : `apis/${group}/${version}`,
      members,
    ]),
  );
  return new Map(documents);
}

/** `GET /openapi/v3`: the path of every document, with a hash by which it may be kept. */
export function openapiIndex(hashes: ReadonlyMap<string, string>): object {
  const paths = [...hashes].map(([path, hash]) => [path, { serverRelativeURL: `/openapi/v3/${path}?hash=${hash}` }]);
  return { paths: Object.fromEntries(paths) as object };
}

/** The document of one group version; `all` are the kinds of every group version. */
export function openapiDocument(members: readonly Kind[], all: readonly Kind[], version: string): object {
  const operations = operationsOf(members);
  const roots = new Set(
    members.flatMap(({ schema, verbs }) => (verbs.includes('list') ? [schema, `${schema}List`] : [schema])),
  );
  for (const { body, answer } of operations) for (const name of [body, answer]) if (name) roots.add(name);
  return {
    openapi: '3.0.0',
    info: { title: 'Kubernetes', version },
    paths: renderPaths(operations),
    components: {
      schemas: collectSchemas(roots, all, dialectV3),
      securitySchemes: {
        BearerToken: { description: 'Bearer token', type: 'apiKey', name: 'authorization', in: 'header' },
      },
    },
  };
}

function renderPaths(operations: readonly Operation[]): object {
  const paths = [...Map.groupBy(operations, ({ path }) => path)].sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(
    paths.map(([path, list]) => {
      const shared = (list[0]?.parameters ?? []).filter((parameter) => parameter.in === 'path');
      return [
        path,
        {
          ...Object.fromEntries(list.map((operation) => [operation.method, renderOperation(operation)])),
          ...(shared.length > 0 && { parameters: shared.map(renderParameter) }),
        },
      ];
    }),
  );
}

function renderOperation(operation: Operation): Schema {
  const { body, answer, parameters } = operation;
  const own = parameters.filter((parameter) => parameter.in === 'query');
  const types = operation.method === 'patch' && operation.action !== 'connect' ? patchTypes : ['*/*'];
  return {
    tags: [operation.tag],
    description: operation.description,
    operationId: operation.id,
    ...(own.length > 0 && { parameters: own.map(renderParameter) }),
    ...(body && {
      requestBody: {
        ...(operation.method !== 'delete' && { required: true }),
        content: Object.fromEntries(types.map((type) => [type, { schema: reference(body) }])),
      },
    }),
    responses: {
      '200': answer
        ? {
            description: 'OK',
            content: Object.fromEntries([json, protobuf, yaml].map((type) => [type, { schema: reference(answer) }])),
          }
        : { description: 'OK', content: { '*/*': { schema: { type: 'string' } } } },
      '401': { description: 'Unauthorized' },
    },
    'x-kubernetes-action': operation.action,
    'x-kubernetes-group-version-kind': operation.type,
  };
}

function reference(name: string): Schema {
  return (referTo(name, dialectV3)['allOf'] as [Schema])[0];
}

function renderParameter({ name, in: place, type, description, required }: Parameter): Schema {
  return { name, in: place, description, ...(required && { required }), schema: { type, uniqueItems: true } };
}
