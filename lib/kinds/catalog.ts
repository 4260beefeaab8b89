/** Which kinds there are to be found by their names. */
import type { Kind } from './define-kind.ts';

export interface Catalog {
  readonly kinds: readonly Kind[];
  /** The kind served at this group ('' for core), version and plural name. */
  at(group: string, version: string, plural: string): Kind | undefined;
  /** The kind that an object with this `apiVersion` and `kind` is of. */
  of(apiVersion: string, kind: string): Kind | undefined;
}

export function makeCatalog(kinds: readonly Kind[]): Catalog {
  const byPlural = new Map(kinds.map((kind) => [`${kind.apiVersion}/${kind.plural}`, kind]));
  const byKind = new Map(kinds.map((kind) => [`${kind.apiVersion}/${kind.kind}`, kind]));
  return {
    kinds,
    at: (group, version, plural) => byPlural.get(`${group ? `${group}/` : ''}${version}/${plural}`),
    of: (apiVersion, kind) => byKind.get(`${apiVersion}/${kind}`),
  };
}
