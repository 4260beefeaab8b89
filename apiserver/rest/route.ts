/** Which resource a path names. Every route of the API is derived here from the list of kinds. */
import { kindAt } from '#lib/kinds/index.ts';
import type { Kind } from '#lib/kinds/define-kind.ts';

export interface Route {
  kind: Kind;
  /** '' for cluster-scoped kinds and for lists over all namespaces. */
  namespace: string;
  /** '' for the collection. */
  name: string;
  /** '' for the object itself. */
  subresource: string;
  /** What follows the subresource, without a leading '/': the path of a proxy request. */
  rest: string;
  /** Whether the path is one of the old `/watch/` ones. */
  watch: boolean;
}

/** The route of a path such as `/apis/apps/v1/namespaces/default/deployments/web/scale`; undefined when there is none. */
export function routeOf(path: string): Route | undefined {
  const segments = splitPath(path);
  if (!segments) return undefined;
  const [root, ...tail] = segments;
  if (root !== 'api' && root !== 'apis') return undefined;
  const group = root === 'api' ? '' : tail.shift();
  const version = tail.shift();
  if (group === undefined || version === undefined || (root === 'apis' && group === '')) return undefined;
  const watch = tail[0] === 'watch';
  if (watch) tail.shift();
  return resourceOf(group, version, tail, watch);
}

/** Namespaces have parts of their own, which look like resources within them. */
const namespaceParts = new Set(['status', 'finalize']);

function resourceOf(group: string, version: string, tail: string[], watch: boolean): Route | undefined {
  const within = tail[0] === 'namespaces' && tail.length > 2 && !(group === '' && namespaceParts.has(tail[2]!));
  const namespace = within ? tail[1]! : '';
  const [plural, name = '', subresource = '', ...rest] = within ? tail.slice(2) : tail;
  if (plural === undefined || (within && namespace === '')) return undefined;
  const kind = kindAt(group, version, plural);
  if (!kind || (within && !kind.namespaced)) return undefined;
  // An object of a namespaced kind is only found within its namespace.
  if (kind.namespaced && !within && name !== '') return undefined;
  if (subresource !== '' && !hasSubresource(kind, subresource)) return undefined;
  if (rest.length > 0 && subresource !== 'proxy') return undefined;
  return { kind, namespace, name, subresource, rest: rest.join('/'), watch };
}

function hasSubresource(kind: Kind, subresource: string): boolean {
  if (subresource === 'status') return kind.status === true;
  if (subresource === 'scale') return kind.scale !== undefined;
  return kind.subresources !== undefined && Object.hasOwn(kind.subresources, subresource);
}

function splitPath(path: string): string[] | undefined {
  try {
    const segments = path.split('/').slice(1).map(decodeURIComponent);
    if (segments.at(-1) === '') segments.pop();
    return segments;
  } catch {
    return undefined;
  }
}
