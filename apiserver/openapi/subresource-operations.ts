/** The operations on the subresources of a kind. */
import type { Kind } from '#lib/kinds/define-kind.ts';
import { schemaNames } from '#lib/kinds/schema.ts';
import { subresourcesOf, type Subresource } from './discovery.ts';
import { anyType, capitalize, resourceTypes, tagOf, typesOf, versionPath, versionTitle } from './operation.ts';
import type { Method, Operation } from './operation.ts';
import {
  optionParameters,
  patchParameters,
  pathParameters,
  pretty,
  sortParameters,
  writeParameters,
} from './parameters.ts';
import { names } from './schemas.ts';

export function subresourceOperations(kind: Kind): Operation[] {
  return subresourcesOf(kind).flatMap((sub) => {
    if (sub.kind.endsWith('Options')) return connections(kind, sub);
    return sub.name === 'log' ? [logOperation(kind, sub)] : resourceOperations(kind, sub);
  });
}

const writing = {
  get: { method: 'get', word: 'read', codes: [200] },
  update: { method: 'put', word: 'replace', codes: [200, 201] },
  patch: { method: 'patch', word: 'patch', codes: [200, 201] },
  create: { method: 'post', word: 'create', codes: [200, 201, 202] },
} as const;

/** Those that are read and written like objects. */
function resourceOperations(kind: Kind, sub: Subresource): Operation[] {
  const isOwn = sub.kind === kind.kind && sub.group === kind.group && sub.version === kind.version;
  const schema = isOwn ? kind.schema : definitionOf(sub);
  const types = typesOf(kind);
  return sub.verbs.map((verb): Operation => {
    const { method, word, codes } = writing[verb as keyof typeof writing];
    const options = { get: [], put: writeParameters(), patch: patchParameters(), post: writeParameters() }[method];
    const path = pathOf(kind, sub);
    return {
      ...frame(kind, sub),
      id: word + nameOf(kind, sub),
      path,
      method,
      action: method,
      description: `${capitalize(word)} ${sub.name} of the specified ${kind.kind}.`,
      parameters: sortParameters([...pathParameters(path, sub.kind), ...options, pretty]),
      ...(method !== 'get' && { body: method === 'patch' ? names.patch : schema }),
      answer: schema,
      codes,
      consumes: method === 'patch' ? types.patch : anyType,
      produces: types.resource,
    };
  });
}

function logOperation(kind: Kind, sub: Subresource): Operation {
  const path = pathOf(kind, sub);
  const options = optionParameters(definitionOf({ ...sub, kind: `${kind.kind}LogOptions` }));
  return {
    ...frame(kind, sub),
    id: `read${nameOf(kind, sub)}`,
    path,
    method: 'get',
    action: 'get',
    description: `Read ${sub.name} of the specified ${kind.kind}.`,
    parameters: sortParameters([...pathParameters(path, kind.kind), ...options, pretty]),
    codes: [200],
    consumes: anyType,
    produces: ['text/plain', ...resourceTypes],
  };
}

const methods: Readonly<Record<string, Method>> = {
  get: 'get',
  update: 'put',
  patch: 'patch',
  create: 'post',
  delete: 'delete',
};

/** Those that take the connection over, or pass the request on. */
function connections(kind: Kind, sub: Subresource): Operation[] {
  const options = optionParameters(definitionOf(sub));
  const passesOn = sub.name === 'proxy';
  const paths = passesOn ? ['', '/{path}'] : [''];
  const used = [...sub.verbs.map((verb) => methods[verb]!), ...(passesOn ? (['head', 'options'] as const) : [])];
  return paths.flatMap((rest) =>
    used.map((method): Operation => {
      const path = pathOf(kind, sub) + rest;
      return {
        ...frame(kind, sub),
        id: `connect${versionTitle(kind)}${capitalize(method)}${shortNameOf(kind, sub)}${rest && 'WithPath'}`,
        path,
        method,
        action: 'connect',
        description: `Connect ${method.toUpperCase()} requests to ${sub.name} of ${kind.kind}.`,
        parameters: sortParameters([...pathParameters(path, sub.kind), ...options]),
        codes: [200],
        consumes: anyType,
        produces: anyType,
      };
    }),
  );
}

const frame = (kind: Kind, { group, version, kind: name }: Subresource) => ({
  tag: tagOf(kind),
  type: { group, version, kind: name },
});

function pathOf({ group, version, namespaced, plural }: Kind, sub: Subresource): string {
  return `${versionPath(group, version)}${namespaced ? '/namespaces/{namespace}' : ''}/${plural}/{name}/${sub.name}`;
}

/** `NamespacedPodExec` */
function shortNameOf(kind: Kind, sub: Subresource): string {
  return `${kind.namespaced ? 'Namespaced' : ''}${kind.kind}${capitalize(sub.name)}`;
}

function nameOf(kind: Kind, sub: Subresource): string {
  return versionTitle(kind) + shortNameOf(kind, sub);
}

let known: ReadonlySet<string> | undefined;

/** The definition of a subresource's kind. */
function definitionOf({ group, version, kind }: Pick<Subresource, 'group' | 'version' | 'kind'>): string {
  known ??= new Set(schemaNames());
  const name = `io.k8s.api.${group === '' ? 'core' : group.split('.')[0]}.${version}.${kind}`;
  if (!known.has(name)) throw new Error(`No definition for ${group}/${version} ${kind}`);
  return name;
}
