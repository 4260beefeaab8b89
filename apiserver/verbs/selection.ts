/** What a list or a watch selects: a range of keys, and a filter over the objects in it. */
import type { Kind } from '#lib/kinds/define-kind.ts';
import { badRequest } from '#lib/meta/errors.ts';
import type { Resource } from '#lib/meta/object.ts';
import { fieldsMatch, matches, parseFieldSelector, parseLabelSelector } from '#lib/meta/selectors.ts';

export interface Selection {
  /** Keys under this prefix, which ends with '/'. */
  prefix: string;
  /** The one key that can match, when the selectors name it. */
  onlyKey: string | undefined;
  /** Undefined when every object in the range is selected. */
  filter: ((object: Resource) => boolean) | undefined;
}

interface Wanted {
  namespace: string;
  labelSelector?: string | undefined;
  fieldSelector?: string | undefined;
}

/** The selection of these options; throws BadRequest for selectors that cannot be read or that name unknown fields. */
export function selectionOf(kind: Kind, { namespace, labelSelector = '', fieldSelector = '' }: Wanted): Selection {
  const labels = parseLabelSelector(labelSelector);
  const fields = parseFieldSelector(fieldSelector);
  for (const { path } of fields) checkField(kind, path);
  const exactly = (path: string) => fields.find((term) => term.path === path && !term.negate)?.value;
  const space = namespace || (kind.namespaced ? (exactly('metadata.namespace') ?? '') : '');
  const name = exactly('metadata.name');
  const prefix = prefixOf(kind, space);
  return {
    prefix,
    onlyKey: name && (space || !kind.namespaced) ? `${prefix}${name}` : undefined,
    filter:
      labels.length === 0 && fields.length === 0
        ? undefined
        : (object) =>
            matches(labels, object.metadata.labels) && fieldsMatch(fields, (path) => fieldOf(kind, object, path)),
  };
}

/** The keys of a kind's objects, in one namespace or ('') in all: a prefix that ends with '/'. */
export function prefixOf(kind: Kind, namespace: string): string {
  return kind.namespaced && namespace ? `/registry/${kind.storage}/${namespace}/` : `/registry/${kind.storage}/`;
}

/** The key of one object. */
export function storageKey(kind: Kind, { namespace, name }: { namespace: string; name: string }): string {
  return `${prefixOf(kind, kind.namespaced ? namespace : '')}${name}`;
}

function checkField(kind: Kind, path: string): void {
  if (path === 'metadata.name') return;
  if (kind.fields ? Object.hasOwn(kind.fields, path) : path === 'metadata.namespace') return;
  if (path === 'metadata.namespace' && kind.namespaced) return;
  if (!kind.fields) {
    throw badRequest(`"${path}" is not a known field selector: only "metadata.name", "metadata.namespace"`);
  }
  throw badRequest(kind.unknownField?.(path) ?? `field label not supported: ${path}`);
}

function fieldOf(kind: Kind, object: Resource, path: string): string {
  if (path === 'metadata.name') return object.metadata.name;
  if (path === 'metadata.namespace') return object.metadata.namespace ?? '';
  return kind.fields![path]!(object);
}
