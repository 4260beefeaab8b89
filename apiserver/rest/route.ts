/** Which resource that is served a request names. Every route of the API is derived here from the catalog of kinds. */
import type { Catalog } from '#lib/kinds/catalog.ts';
import type { Kind } from '#lib/kinds/define-kind.ts';
import type { RequestInfo } from './request-info.ts';

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
}

/** The route of a request to a path such as `/apis/apps/v1/namespaces/default/deployments/web/scale`; undefined when there is none. */
export function routeOf(info: RequestInfo, catalog: Pick<Catalog, 'at'>): Route | undefined {
  const { prefix, group, version, resource, isWithin, isCollection, subresource, rest } = info;
  if (!info.isResource || info.verb === 'proxy' || !info.path.startsWith(`/${prefix}/`)) return undefined;
  if (prefix === 'apis' && group === '') return undefined;
  const kind = catalog.at(group, version, resource);
  if (!kind || (isWithin && (!kind.namespaced || info.namespace === ''))) return undefined;
  // An object of a namespaced kind is only found within its namespace.
  if (kind.namespaced && !isWithin && !isCollection) return undefined;
  if (subresource !== '' && !hasSubresource(kind, subresource)) return undefined;
  if (rest !== '' && subresource !== 'proxy') return undefined;
  return {
    kind,
    namespace: isWithin ? info.namespace : '',
    name: isCollection ? '' : info.name,
    subresource,
    rest,
  };
}

function hasSubresource(kind: Kind, subresource: string): boolean {
  if (subresource === 'status') return kind.status === true;
  if (subresource === 'scale') return kind.scale !== undefined;
  return kind.subresources !== undefined && Object.hasOwn(kind.subresources, subresource);
}
