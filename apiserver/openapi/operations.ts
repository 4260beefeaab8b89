/** Every operation the API serves: paths, methods, parameters and types, for either version of OpenAPI to render. */
import type { Kind } from '#lib/kinds/define-kind.ts';
import { schemaNames, schemaType } from '#lib/kinds/schema.ts';
import { subresourcesOf } from './discovery.ts';
import { names } from './schemas.ts';

type Method = 'get' | 'put' | 'post' | 'delete' | 'patch';

export interface Parameter {
  name: string;
  in: 'query' | 'path';
  type: 'string' | 'boolean' | 'integer';
  description: string;
  required?: boolean;
}

export interface Operation {
  id: string;
  path: string;
  method: Method;
  /** As `x-kubernetes-action` says. */
  action: string;
  /** `apps_v1` and the like, by which generators sort. */
  tag: string;
  description: string;
  type: { group: string; version: string; kind: string };
  parameters: Parameter[];
  /** Definition of the request's body. */
  body?: string;
  /** Definition of the answer; absent for streams and proxied answers. */
  answer?: string;
}

/** All operations on these kinds. */
export function operationsOf(kinds: readonly Kind[]): Operation[] {
  return kinds.flatMap((kind) => [...kindOperations(kind), ...subresourceOperations(kind)]);
}

const query = (name: string, type: Parameter['type'], description: string): Parameter => ({
  name,
  in: 'query',
  type,
  description,
});

const write = [
  query('dryRun', 'string', 'With `All`, do everything but store the result.'),
  query('fieldManager', 'string', 'Who makes the change, for the record of who manages which field.'),
  query('fieldValidation', 'string', 'What to do about unknown fields: Ignore, Warn or Strict.'),
];
const force = query('force', 'boolean', 'Take fields over from other managers; for apply patches.');
const list = [
  query('allowWatchBookmarks', 'boolean', 'Whether a watch may carry bookmarks.'),
  query('continue', 'string', 'Where the last page ended.'),
  query('fieldSelector', 'string', 'Restricts objects by their fields.'),
  query('labelSelector', 'string', 'Restricts objects by their labels.'),
  query('limit', 'integer', 'How many objects a page may hold.'),
  query('resourceVersion', 'string', 'How fresh the answer must be, or where a watch begins.'),
  query('resourceVersionMatch', 'string', 'How resourceVersion is meant.'),
  query('sendInitialEvents', 'boolean', 'Whether a watch begins with the objects that exist.'),
  query('timeoutSeconds', 'integer', 'How long a list or watch may take.'),
  query('watch', 'boolean', 'Stream changes instead of a list.'),
];
const removal = [
  write[0]!,
  query('gracePeriodSeconds', 'integer', 'Time the object has to end by itself.'),
  query('orphanDependents', 'boolean', 'Deprecated: whether dependents stay. Use propagationPolicy.'),
  query('propagationPolicy', 'string', 'What becomes of dependents: Orphan, Background or Foreground.'),
];
const pretty = query('pretty', 'string', 'Indent the answer.');
const inPath = (name: string, description: string): Parameter => ({
  name,
  in: 'path',
  type: 'string',
  description,
  required: true,
});

function kindOperations(kind: Kind): Operation[] {
  const { group, version, kind: name, plural, namespaced, schema } = kind;
  const scope = namespaced ? 'Namespaced' : '';
  const base = basePath(kind);
  const all = namespaced ? `${base}/namespaces/{namespace}/${plural}` : `${base}/${plural}`;
  const one = `${all}/{name}`;
  const type = { group, version, kind: name };
  const frame = { tag: tagOf(kind), type };
  const serves = (verb: Kind['verbs'][number]) => kind.verbs.includes(verb);
  const operations: Operation[] = [];
  const add = (
    verb: string,
    path: string,
    method: Method,
    action: string,
    description: string,
    rest: Pick<Operation, 'parameters'> & Partial<Operation>,
  ) => {
    const parameters = [...pathParameters(path, name), ...rest.parameters, pretty];
    operations.push({ ...frame, id: idOf(verb, kind, scope), path, method, action, description, ...rest, parameters });
  };
  if (serves('list'))
    add('list', all, 'get', 'list', `List or watch objects of kind ${name}.`, {
      parameters: list,
      answer: `${schema}List`,
    });
  if (serves('create'))
    add('create', all, 'post', 'post', `Create a ${name}.`, { parameters: write, body: schema, answer: schema });
  if (serves('deletecollection')) {
    add('delete', all, 'delete', 'deletecollection', `Delete a collection of ${name}.`, {
      id: `delete${versionTitle(kind)}Collection${scope}${name}`,
      parameters: [...list, ...removal],
      body: names.deleteOptions,
      answer: names.status,
    });
  }
  if (serves('get')) add('read', one, 'get', 'get', `Read the specified ${name}.`, { parameters: [], answer: schema });
  if (serves('update'))
    add('replace', one, 'put', 'put', `Replace the specified ${name}.`, {
      parameters: write,
      body: schema,
      answer: schema,
    });
  if (serves('patch')) {
    add('patch', one, 'patch', 'patch', `Change part of the specified ${name}.`, {
      parameters: [...write, force],
      body: names.patch,
      answer: schema,
    });
  }
  if (serves('delete')) {
    add('delete', one, 'delete', 'delete', `Delete a ${name}.`, {
      parameters: removal,
      body: names.deleteOptions,
      answer: names.status,
    });
  }
  if (namespaced && serves('list')) {
    add('list', `${base}/${plural}`, 'get', 'list', `List or watch objects of kind ${name} in all namespaces.`, {
      id: `list${versionTitle(kind)}${name}ForAllNamespaces`,
      parameters: list,
      answer: `${schema}List`,
    });
  }
  return operations;
}

const methods: Readonly<Record<string, { method: Method; verb: string }>> = {
  get: { method: 'get', verb: 'read' },
  update: { method: 'put', verb: 'replace' },
  patch: { method: 'patch', verb: 'patch' },
  create: { method: 'post', verb: 'create' },
  delete: { method: 'delete', verb: 'delete' },
};

function subresourceOperations(kind: Kind): Operation[] {
  const scope = kind.namespaced ? 'Namespaced' : '';
  const one = `${basePath(kind)}${kind.namespaced ? '/namespaces/{namespace}' : ''}/${kind.plural}/{name}`;
  return subresourcesOf(kind).flatMap((sub) =>
    sub.verbs.map((verb): Operation => {
      const { method, verb: word } = methods[verb]!;
      const schema = definitionOf(sub);
      const connects = sub.kind.endsWith('Options');
      const title = sub.name[0]!.toUpperCase() + sub.name.slice(1);
      const path = `${one}/${sub.name}`;
      const isLog = sub.name === 'log';
      const options = connects
        ? optionParameters(schema)
        : isLog
          ? optionParameters('io.k8s.api.core.v1.PodLogOptions')
          : [];
      const writes =
        verb === 'get' || verb === 'delete' || connects ? [] : verb === 'patch' ? [...write, force] : write;
      return {
        id: connects
          ? `connect${versionTitle(kind)}${method[0]!.toUpperCase()}${method.slice(1)}${scope}${kind.kind}${title}`
          : `${idOf(word, kind, scope)}${title}`,
        path,
        method,
        action: connects ? 'connect' : method,
        tag: tagOf(kind),
        description: `${connects ? 'Connect to' : verb} ${sub.name} of the specified ${kind.kind}.`,
        type: { group: sub.group, version: sub.version, kind: sub.kind },
        parameters: [...pathParameters(path, kind.kind), ...options, ...writes, ...(connects ? [] : [pretty])],
        ...(!connects && verb === 'patch' && { body: names.patch }),
        ...(!connects && (verb === 'update' || verb === 'create') && { body: schema }),
        ...(!connects && !isLog && { answer: schema }),
      };
    }),
  );
}

let known: ReadonlySet<string> | undefined;

/** The definition of a subresource's kind. */
function definitionOf({ group, version, kind }: { group: string; version: string; kind: string }): string {
  known ??= new Set(schemaNames());
  const name = `io.k8s.api.${group === '' ? 'core' : group.split('.')[0]}.${version}.${kind}`;
  if (!known.has(name)) throw new Error(`No definition for ${group}/${version} ${kind}`);
  return name;
}

/** Options that a connection takes in its query. */
function optionParameters(schema: string): Parameter[] {
  return Object.entries(schemaType(schema).props ?? {})
    .filter(([name]) => name !== 'apiVersion' && name !== 'kind')
    .map(([name, { type }]) =>
      query(name, type === 'boolean' || type === 'integer' ? type : 'string', `The option ${name}.`),
    );
}

function pathParameters(path: string, kind: string): Parameter[] {
  return [
    ...(path.includes('{name}') ? [inPath('name', `Name of the ${kind}.`)] : []),
    ...(path.includes('{namespace}') ? [inPath('namespace', 'The namespace.')] : []),
  ];
}

function basePath({ group, version }: Kind): string {
  return group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
}

function tagOf({ group, version }: Kind): string {
  return `${groupWord(group)}_${version}`;
}

function groupWord(group: string): string {
  return group === '' ? 'core' : group.replace('.authorization', 'Authorization').replace('.k8s.io', '');
}

function versionTitle({ group, version }: Kind): string {
  const word = groupWord(group);
  return `${word[0]!.toUpperCase()}${word.slice(1)}${version[0]!.toUpperCase()}${version.slice(1)}`;
}

function idOf(verb: string, kind: Kind, scope: string): string {
  return `${verb}${versionTitle(kind)}${scope}${kind.kind}`;
}
