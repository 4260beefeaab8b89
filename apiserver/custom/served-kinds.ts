/** The kinds that are served just now: those that are built in, and those of established definitions. */
import type { Env } from '#lib/env/env.ts';
import { makeCatalog } from '#lib/kinds/catalog.ts';
import type { Catalog } from '#lib/kinds/catalog.ts';
import { customKinds } from '#lib/kinds/custom/make-kinds.ts';
import { customResourceDefinition } from '#lib/kinds/custom-resource-definition.ts';
import type { Kind } from '#lib/kinds/define-kind.ts';
import type { CustomResourceDefinition } from '#lib/kinds/gen/apiextensions-v1.ts';
import { builtIn } from '#lib/kinds/index.ts';
import { isTrue } from '#lib/meta/conditions.ts';
import { keepUp } from '../store/keep-up.ts';
import type { Follower } from '../store/keep-up.ts';
import type { Entry, World } from '../store/world-types.ts';
import { prefixOf } from '../verbs/selection.ts';

export interface ServedKinds extends Catalog {
  /** Raised with each change of what is served. */
  readonly generation: number;
  close(): void;
}

/** Kinds made of one state of a definition. */
interface Made {
  /** By what they were made: neither the status nor labels make other kinds. */
  mark: string;
  kinds: readonly Kind[];
}

/** Starts with the world as it is, and keeps up with it: a kind is served before anyone hears that its definition is established. */
export function followDefinitions(world: World, env: Env): ServedKinds {
  const prefix = prefixOf(customResourceDefinition, '');
  const made = new Map<string, Made>();
  let current: Catalog = builtIn;
  let generation = 0;
  const publish = () => {
    const custom = [...made.keys()].sort().flatMap((key) => made.get(key)!.kinds);
    current = makeCatalog([...builtIn.kinds, ...custom]);
    generation++;
  };
  /** Whether anything is served otherwise for it. */
  const take = ({ key, object }: Entry, isGone: boolean): boolean => {
    const definition = object as CustomResourceDefinition;
    const { metadata, status } = definition;
    if (isGone || !isTrue(status?.conditions, 'Established')) return made.delete(key);
    const mark = `${metadata.uid} ${metadata.generation} ${isTrue(status?.conditions, 'Terminating')}`;
    if (made.get(key)?.mark === mark) return false;
    try {
      made.set(key, { mark, kinds: kindsOf(definition) });
    } catch (error) {
      // One that nobody can make sense of must not keep the others from being served.
      env.log.error('Cannot serve what a definition says', { key, error });
      return made.delete(key);
    }
    return true;
  };
  const follower: Follower = {
    restart() {
      made.clear();
      for (const entry of world.list(prefix)) take(entry, false);
      publish();
    },
    onEvents(events) {
      const changes = events.filter(({ entry, type }) => take(entry, type === 'DELETE'));
      if (changes.length > 0) publish();
    },
  };
  const stopFollowing = keepUp(world, [prefix], 'definitions', follower, env);
  return {
    get kinds() {
      return current.kinds;
    },
    get generation() {
      return generation;
    },
    at: (group, version, plural) => current.at(group, version, plural),
    of: (apiVersion, kind) => current.of(apiVersion, kind),
    close: stopFollowing,
  };
}

/** Objects of a definition that goes are not created any more. */
function kindsOf(definition: CustomResourceDefinition): Kind[] {
  const kinds = customKinds(definition);
  if (!isTrue(definition.status?.conditions, 'Terminating')) return kinds;
  return kinds.map((kind) => ({ ...kind, verbs: kind.verbs.filter((verb) => verb !== 'create') }));
}
