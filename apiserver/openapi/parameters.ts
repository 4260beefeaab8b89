/** The parameters that requests take in their paths and queries. Those of the query are the fields of the API's own option types. */
import { schemaType, type SchemaField } from '#lib/kinds/schema.ts';
import { fieldDescription } from './descriptions.ts';
import type { Operation, Parameter } from './operation.ts';

const meta = 'io.k8s.apimachinery.pkg.apis.meta.v1';

/** Of a list or watch. */
export const listParameters = () => optionParameters(`${meta}.ListOptions`);
/** Of a creation or replacement. */
export const writeParameters = () => optionParameters(`${meta}.CreateOptions`);
export const patchParameters = () => optionParameters(`${meta}.PatchOptions`);
export const deleteParameters = () => optionParameters(`${meta}.DeleteOptions`);
/** Of a deletion of all that a list would show. */
export const collectionParameters = () =>
  [...listParameters(), ...deleteParameters()].filter(({ name }) => name !== 'watch' && name !== 'allowWatchBookmarks');

export const pretty: Parameter = { name: 'pretty', in: 'query', type: 'string', description: 'Indent the answer.' };

/** The fields of an option type that fit into a query: scalars, and the items of lists. */
export function optionParameters(definition: string): Parameter[] {
  return Object.entries(schemaType(definition).props ?? {}).flatMap(([name, field]): Parameter[] => {
    const type = queryType(field);
    if (!type || name === 'apiVersion' || name === 'kind') return [];
    return [{ name, in: 'query', type, description: fieldDescription(definition, name) ?? `The option ${name}.` }];
  });
}

function queryType({ type, format, items }: SchemaField): Parameter['type'] | undefined {
  if (type === 'array') return items && queryType(items);
  if (type === 'boolean' || type === 'integer') return type;
  return type === 'string' && format !== 'date-time' ? type : undefined;
}

/** What stands in braces in a path. */
export function pathParameters(path: string, kind: string): Parameter[] {
  const descriptions: Readonly<Record<string, string>> = {
    name: `Name of the ${kind}.`,
    namespace: 'The namespace.',
    path: 'The path that the request is passed on to.',
  };
  return path
    .matchAll(/\{(\w+)\}/g)
    .map(([, name = '']): Parameter => ({
      name,
      in: 'path',
      type: 'string',
      description: descriptions[name] ?? `The ${name}.`,
    }))
    .toArray();
}

/** In the order in which documents list them. */
export function sortParameters(parameters: readonly Parameter[]): Parameter[] {
  return parameters.toSorted((a, b) => compare(a.name, b.name) || compare(a.in, b.in));
}

const compare = (a: string, b: string) => (a < b ? -1 : Number(a > b));

/** The operations of each path, and what parameters all of a path's operations have: documents list those once. */
export function groupByPath(
  operations: readonly Operation[],
): { path: string; shared: Parameter[]; operations: { operation: Operation; own: Parameter[] }[] }[] {
  return [...Map.groupBy(operations, ({ path }) => path)]
    .sort(([a], [b]) => compare(a, b))
    .map(([path, members]) => {
      const has = ({ parameters }: Operation, { name, in: place }: Parameter) =>
        parameters.some((parameter) => parameter.name === name && parameter.in === place);
      const isShared = (parameter: Parameter) => members.every((operation) => has(operation, parameter));
      return {
        path,
        shared: members[0]!.parameters.filter(isShared),
        operations: members.map((operation) => ({
          operation,
          own: operation.parameters.filter((parameter) => !isShared(parameter)),
        })),
      };
    });
}
