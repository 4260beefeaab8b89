/** Reading kinds whose objects are found out whenever somebody asks, and never stored. */
import type { Kind } from '#lib/kinds/define-kind.ts';
import { notFound } from '#lib/meta/errors.ts';
import type { Resource } from '#lib/meta/object.ts';
import type { Entry } from '../store/world-types.ts';
import { triedEntry } from './entries.ts';
import { selectionOf, storageKey } from './selection.ts';
import type { ListOptions, ListResult } from './types.ts';

/** Finds out all objects of a kind. */
export type Observer = () => Promise<readonly Resource[]>;

/** The one of this name; throws NotFound. */
export function observedEntry(kind: Kind, objects: readonly Resource[], name: string): Entry {
  const found = objects.find(({ metadata }) => metadata.name === name);
  if (!found) throw notFound(kind, name);
  return entryOf(kind, found);
}

/** Those that the selectors leave, all at once and of no revision. Throws BadRequest for selectors that cannot be read. */
export function observedList(kind: Kind, objects: readonly Resource[], options: ListOptions): ListResult {
  const { filter = () => true } = selectionOf(kind, options);
  return { entries: objects.filter(filter).map((object) => entryOf(kind, object)), revision: 0n, continue: '' };
}

function entryOf(kind: Kind, object: Resource): Entry {
  return triedEntry(storageKey(kind, { namespace: '', name: object.metadata.name }), object);
}
