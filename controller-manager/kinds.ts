/** Which kinds the controllers keep a view of. */
import { makeCatalog } from '#lib/kinds/catalog.ts';
import type { Catalog } from '#lib/kinds/catalog.ts';
import { customKinds } from '#lib/kinds/custom/make-kinds.ts';
import type { Kind } from '#lib/kinds/define-kind.ts';
import { event } from '#lib/kinds/event.ts';
import type { CustomResourceDefinition } from '#lib/kinds/gen/apiextensions-v1.ts';
import { kinds } from '#lib/kinds/index.ts';
import { isTrue } from '#lib/meta/conditions.ts';

/** Events are many, and no controller decides by them: they can only be listed. */
export const unviewedKinds: readonly Kind[] = [event];

/** Every stored kind that is built in once, whatever versions it is served in. */
const stored = [
  ...new Map(
    kinds
      .filter(isStored)
      .toReversed()
      .map((kind) => [kind.storage, kind]),
  ).values(),
].toReversed();

export const viewedKinds: readonly Kind[] = stored.filter(({ kind }) => kind !== event.kind);

function isStored({ verbs }: Kind): boolean {
  return verbs.includes('watch') && verbs.includes('list');
}

/** All kinds that there are, by name, in each of their versions, and those that are viewed. */
export interface KnownKinds extends Pick<Catalog, 'of'> {
  readonly viewed: readonly Kind[];
  /** Takes over which definitions there are; answers whether other kinds are to be viewed for it. */
  setDefinitions(definitions: readonly CustomResourceDefinition[]): boolean;
}

export function makeKnownKinds(): KnownKinds {
  let catalog = makeCatalog(kinds);
  let viewed = viewedKinds;
  return {
    of: (apiVersion, kind) => catalog.of(apiVersion, kind),
    get viewed() {
      return viewed;
    },
    setDefinitions(definitions) {
      const families = definitions.filter(isEstablished).map(customKinds);
      catalog = makeCatalog([...kinds, ...families.flat()]);
      const next = [...viewedKinds, ...families.flatMap((family) => family.slice(0, 1))];
      const isOther = namesOf(next) !== namesOf(viewed);
      if (isOther) viewed = next;
      return isOther;
    },
  };
}

const isEstablished = ({ status }: CustomResourceDefinition) => isTrue(status?.conditions, 'Established');

const namesOf = (list: readonly Kind[]) => list.map(({ apiVersion, plural }) => `${apiVersion}/${plural}`).join();
