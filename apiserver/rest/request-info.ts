/** What a request is about, from its method, path and query alone, as upstream's `endpoints/request/requestinfo.go` sees it. */
import { parseFieldSelector } from '#lib/meta/selectors.ts';
import { isOn } from './query.ts';

export interface RequestInfo {
  /** The decoded path. */
  path: string;
  /** Of resources, what is done to them (`get`, `list`, `watch`, `create`, ..., '' when the method means nothing); else the method in lower case. */
  verb: string;
  /** Whether the path lies below a group's version, where resources are, known or not. The fields below are '' when it does not. */
  isResource: boolean;
  prefix: 'api' | 'apis' | '';
  group: string;
  version: string;
  /** Of a namespace itself, its own name. '' at the cluster's scope. */
  namespace: string;
  /** Whether the path names a namespace that the resource lies in. */
  isWithin: boolean;
  /** The plural. */
  resource: string;
  /** Whether the path names no single object. */
  isCollection: boolean;
  /** '' for collections, unless a field selector leaves one name. */
  name: string;
  subresource: string;
  /** What follows the subresource, without a leading '/': the path of a proxy request. */
  rest: string;
  /** Whether the path says the verb, as the old `/watch/` ones do. */
  hasVerbInPath: boolean;
  /** Of list, watch and deletecollection: what narrows them. */
  fieldSelector: string;
  labelSelector: string;
}

/** `path` is as it was sent. Throws URIError when it cannot be decoded. */
export function requestInfoOf(method: string, path: string, query: URLSearchParams): RequestInfo {
  const info = plainInfo(method, path.includes('%') ? decodeURIComponent(path) : path);
  const parts = partsOf(info.path);
  const [prefix] = parts;
  if (prefix !== 'api' && prefix !== 'apis') return info;
  const groupParts = prefix === 'api' ? 1 : 2;
  if (parts.length < groupParts + 2) return info;
  info.isResource = true;
  info.prefix = prefix;
  if (prefix === 'apis') info.group = parts[1]!;
  info.version = parts[groupParts]!;
  info.verb = verbs[method] ?? '';
  let at = groupParts + 1;
  if (parts[at] === 'watch' || parts[at] === 'proxy') {
    info.hasVerbInPath = true;
    info.verb = parts[at++]!;
  }
  if (parts[at] === 'namespaces' && parts.length > at + 1) {
    info.namespace = parts[at + 1]!;
    if (parts.length > at + 2 && !isNamespacePart(parts[at + 2]!)) {
      info.isWithin = true;
      at += 2;
    }
  }
  info.resource = parts[at] ?? '';
  info.name = parts[at + 1] ?? '';
  info.subresource = (info.verb !== 'proxy' && parts[at + 2]) || '';
  if (parts.length > at + 3) info.rest = parts.slice(at + 3).join('/');
  info.isCollection = info.name === '';
  if (info.isCollection) narrow(info, query);
  return info;
}

/** Whether the request stays open for as long as client and server like, so that neither time limits nor counts of requests apply. */
export function isLongRunning({ verb, isResource, subresource }: RequestInfo): boolean {
  return verb === 'watch' || verb === 'proxy' || (isResource && longRunningSubresources.has(subresource));
}

export type Scope = 'resource' | 'namespace' | 'cluster' | '';

/** How much of the cluster the request is about, as metrics tell it. */
export function scopeOf({ isResource, verb, name, namespace }: RequestInfo): Scope {
  if (name !== '' || verb === 'create') return 'resource';
  if (namespace !== '') return 'namespace';
  return isResource ? 'cluster' : '';
}

const longRunningSubresources = new Set(['attach', 'exec', 'proxy', 'log', 'portforward']);

const verbs: Readonly<Record<string, string>> = {
  POST: 'create',
  GET: 'get',
  HEAD: 'get',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
};

/** Namespaces have parts of their own, which look like resources within them. */
const isNamespacePart = (part: string) => part === 'status' || part === 'finalize';

function plainInfo(method: string, path: string): RequestInfo {
  return {
    path,
    verb: method.toLowerCase(),
    isResource: false,
    prefix: '',
    group: '',
    version: '',
    namespace: '',
    isWithin: false,
    resource: '',
    isCollection: false,
    name: '',
    subresource: '',
    rest: '',
    hasVerbInPath: false,
    fieldSelector: '',
    labelSelector: '',
  };
}

/** Slashes at the ends do not count, those within do. */
function partsOf(path: string): string[] {
  let start = 0;
  let end = path.length;
  while (start < end && path[start] === '/') start++;
  while (end > start && path[end - 1] === '/') end--;
  return path.slice(start, end).split('/');
}

/** Completes a request to a collection. */
function narrow(info: RequestInfo, query: URLSearchParams): void {
  if (info.verb === 'get') info.verb = isOn(query, 'watch') ? 'watch' : 'list';
  else if (info.verb === 'delete') info.verb = 'deletecollection';
  if (info.verb !== 'list' && info.verb !== 'watch' && info.verb !== 'deletecollection') return;
  if (info.hasVerbInPath) return;
  info.labelSelector = query.get('labelSelector') ?? '';
  info.fieldSelector = query.get('fieldSelector') ?? '';
  if (info.verb !== 'deletecollection' && info.fieldSelector !== '') info.name = nameIn(info.fieldSelector);
}

/** The one name that a field selector leaves, if it does; '' for a selector that cannot be read, which is refused later. */
function nameIn(fieldSelector: string): string {
  try {
    const found = parseFieldSelector(fieldSelector).find(({ path, negate }) => path === 'metadata.name' && !negate);
    const name = found?.value ?? '';
    return name === '.' || name === '..' || /[/%]/.test(name) ? '' : name;
  } catch {
    return '';
  }
}
