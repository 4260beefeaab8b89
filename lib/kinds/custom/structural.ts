/**
 * Schemas of custom resources in the form that is walked along: what is pruned, filled in, owned and checked. As upstream's structural schemas
 * (`apiextensions-apiserver/pkg/apiserver/schema`), whose rules `definition-check.ts` demands of every definition.
 */
import type { JSONSchemaProps } from '../gen/apiextensions-v1.ts';

export interface Structural {
  /** '' where the value may be of several types. */
  readonly type: string;
  readonly properties: ReadonlyMap<string, Structural>;
  /** Of the values of a map; `true` where they may be anything, undefined where there is no map. */
  readonly additional: Structural | true | undefined;
  readonly items: Structural | undefined;
  readonly nullable: boolean;
  /** What is filled in for an absent value; undefined for nothing. */
  readonly fallback: unknown;
  readonly keepsUnknown: boolean;
  /** The value is an object of the API, with apiVersion, kind and metadata. */
  readonly isEmbedded: boolean;
  readonly isIntOrString: boolean;
  readonly listType: string;
  readonly listKeys: readonly string[];
  readonly isAtomicMap: boolean;
  /** The schema with all else that it demands of a value. */
  readonly source: JSONSchemaProps;
}

/** The structural form of a schema. Its parts are made when first asked for. */
export function structuralOf(source: JSONSchemaProps): Structural {
  let properties: ReadonlyMap<string, Structural> | undefined;
  let items: { is: Structural | undefined } | undefined;
  let additional: { is: Structural | true | undefined } | undefined;
  return {
    source,
    type: source.type ?? '',
    nullable: source.nullable === true,
    fallback: source.default,
    keepsUnknown: source['x-kubernetes-preserve-unknown-fields'] === true,
    isEmbedded: source['x-kubernetes-embedded-resource'] === true,
    isIntOrString: source['x-kubernetes-int-or-string'] === true,
    listType: source['x-kubernetes-list-type'] ?? '',
    listKeys: source['x-kubernetes-list-map-keys'] ?? [],
    isAtomicMap: source['x-kubernetes-map-type'] === 'atomic',
    get properties() {
      return (properties ??= new Map(
        Object.entries(source.properties ?? {}).map(([name, inner]) => [name, structuralOf(inner)]),
      ));
    },
    get items() {
      return (items ??= { is: source.items && structuralOf(source.items) }).is;
    },
    get additional() {
      return (additional ??= { is: additionalOf(source.additionalProperties) }).is;
    },
  };
}

/** Raw JSON of a schema, or of whether there is one. */
function additionalOf(raw: unknown): Structural | true | undefined {
  if (raw === undefined || raw === null || raw === false) return undefined;
  return raw === true ? true : structuralOf(raw);
}

/** The schema of the value under a key of an object: of the property, or of the map's values; undefined where nothing is known of it. */
export function memberOf(schema: Structural | undefined, key: string): Structural | undefined {
  const property = schema?.properties.get(key);
  if (property) return property;
  return schema?.additional === true ? undefined : schema?.additional;
}

/** What every object of the API has, whatever its schema says. */
export const objectFields: ReadonlySet<string> = new Set(['apiVersion', 'kind', 'metadata']);
