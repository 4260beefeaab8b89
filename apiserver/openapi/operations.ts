/** Every operation on resources that the API serves, for either version of OpenAPI to render. */
import type { Kind } from '#lib/kinds/define-kind.ts';
import { anyType, tagOf, typesOf, versionPath, versionTitle } from './operation.ts';
import type { Method, Operation } from './operation.ts';
import {
  collectionParameters,
  deleteParameters,
  listParameters,
  patchParameters,
  pathParameters,
  pretty,
  sortParameters,
  writeParameters,
} from './parameters.ts';
import type { Parameter } from './operation.ts';
import { names } from './schemas.ts';
import { subresourceOperations } from './subresource-operations.ts';

/** All operations on these kinds. */
export function operationsOf(kinds: readonly Kind[]): Operation[] {
  return kinds.flatMap((kind) => [...kindOperations(kind), ...subresourceOperations(kind)]);
}

function kindOperations(kind: Kind): Operation[] {
  const { kind: name, plural, namespaced, schema } = kind;
  const scope = namespaced ? 'Namespaced' : '';
  const base = versionPath(kind.group, kind.version);
  const within = `${namespaced ? '/namespaces/{namespace}' : ''}/${plural}`;
  const all = base + within;
  const one = `${all}/{name}`;
  const title = versionTitle(kind);
  const types = typesOf(kind);
  const listAnswer = { answer: `${schema}List`, produces: types.watch };
  const serves = (verb: Kind['verbs'][number]) => kind.verbs.includes(verb);

  const operation = (
    id: string,
    path: string,
    method: Method,
    action: string,
    description: string,
    parameters: readonly Parameter[],
    rest: Partial<Operation> = {},
  ): Operation => ({
    id,
    path,
    method,
    action,
    description,
    tag: tagOf(kind),
    type: { group: kind.group, version: kind.version, kind: name },
    parameters: sortParameters([...pathParameters(path, name), ...parameters, pretty]),
    answer: schema,
    codes: [200],
    consumes: anyType,
    produces: types.resource,
    ...rest,
  });

  const operations: Operation[] = [];
  if (serves('list')) {
    const what = `List ${serves('watch') ? 'or watch ' : ''}objects of kind ${name}`;
    const add = (id: string, path: string, description: string) =>
      operations.push(operation(id, path, 'get', 'list', description, listParameters(), listAnswer));
    add(`list${title}${scope}${name}`, all, `${what}.`);
    if (namespaced) add(`list${title}${name}ForAllNamespaces`, `${base}/${plural}`, `${what} in all namespaces.`);
  }
  if (serves('create')) {
    const rest = { body: schema, codes: [200, 201, 202] } as const;
    operations.push(
      operation(`create${title}${scope}${name}`, all, 'post', 'post', `Create a ${name}.`, writeParameters(), rest),
    );
  }
  if (serves('deletecollection')) {
    const rest = { body: names.deleteOptions, answer: names.status };
    const id = `delete${title}Collection${scope}${name}`;
    const description = `Delete a collection of ${name}.`;
    operations.push(operation(id, all, 'delete', 'deletecollection', description, collectionParameters(), rest));
  }
  if (serves('get')) {
    operations.push(operation(`read${title}${scope}${name}`, one, 'get', 'get', `Read the specified ${name}.`, []));
  }
  if (serves('update')) {
    const rest = { body: schema, codes: [200, 201] } as const;
    const description = `Replace the specified ${name}.`;
    operations.push(
      operation(`replace${title}${scope}${name}`, one, 'put', 'put', description, writeParameters(), rest),
    );
  }
  if (serves('patch')) {
    const rest = { body: names.patch, codes: [200, 201], consumes: types.patch } as const;
    const description = `Change part of the specified ${name}.`;
    operations.push(
      operation(`patch${title}${scope}${name}`, one, 'patch', 'patch', description, patchParameters(), rest),
    );
  }
  if (serves('delete')) {
    const answer = kind.returnsDeleted ? schema : names.status;
    const rest = { body: names.deleteOptions, answer, codes: [200, 202] } as const;
    operations.push(
      operation(
        `delete${title}${scope}${name}`,
        one,
        'delete',
        'delete',
        `Delete a ${name}.`,
        deleteParameters(),
        rest,
      ),
    );
  }
  if (serves('watch')) {
    const add = (id: string, path: string, action: string, description: string) =>
      operations.push(
        operation(id, `${base}/watch${path}`, 'get', action, description, listParameters(), {
          answer: names.watchEvent,
          produces: types.watch,
        }),
      );
    const list = `Watch a list of ${name}; deprecated, lists take a watch parameter.`;
    const single = `Watch one ${name}; deprecated, lists take watch and fieldSelector parameters.`;
    add(`watch${title}${scope}${name}List`, within, 'watchlist', list);
    add(`watch${title}${scope}${name}`, `${within}/{name}`, 'watch', single);
    if (namespaced) add(`watch${title}${name}ListForAllNamespaces`, `/${plural}`, 'watchlist', list);
  }
  return operations;
}
