/** Which kinds the controllers keep a view of. */
import type { Kind } from '#lib/kinds/define-kind.ts';
import { event } from '#lib/kinds/event.ts';
import { kinds } from '#lib/kinds/index.ts';

/** Events are many, and no controller decides by them. */
const unviewed: readonly Kind[] = [event];

/** Every stored kind once, whatever versions it is served in. */
const stored = [
  ...new Map(
    kinds
      .filter(isStored)
      .toReversed()
      .map((kind) => [kind.storage, kind]),
  ).values(),
].toReversed();

export const viewedKinds: readonly Kind[] = stored.filter(({ kind }) => kind !== event.kind);

/** Namespaced kinds in the view, and those that can only be listed. */
export const namespacedKinds = {
  viewed: viewedKinds.filter(({ namespaced }) => namespaced),
  unviewed,
};

function isStored({ verbs }: Kind): boolean {
  return verbs.includes('watch') && verbs.includes('list');
}
