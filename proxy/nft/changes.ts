/** The difference between two states of the table as a script for one transaction. Pure. */
import { equal } from '#lib/meta/equal.ts';
import type { Collection, Element, Fragment } from './fragment.ts';
import { clientsSpec, elementText } from './render.ts';

/** Fragments by the route's key. One that has not changed is the same object in both. */
export type Fragments = ReadonlyMap<string, Fragment>;

/**
 * The script that turns a table of `before` into one of `after`; '' when they are the same. `keys` are those that may differ. Parts
 * come before what refers to them, and go after.
 */
export function changes(table: string, before: Fragments, after: Fragments, keys: Iterable<string>): string {
  const added: string[] = [];
  const filled: string[] = [];
  const removed: string[] = [];
  const gone = new Map<string, Element>();
  const come = new Map<string, Element>();
  for (const key of keys) {
    const was = before.get(key);
    const is = after.get(key);
    if (was === is) continue;
    compareClients(was, is);
    compareChains(was, is);
    compareElements(was, is);
  }
  const shared = stillUsed(gone, after);
  return [
    ...added,
    ...filled,
    ...elementCommands(
      'delete',
      [...gone].filter(([id]) => !shared.has(id)).map(([, element]) => element),
    ),
    ...elementCommands('add', [...come.values()]),
    ...removed,
    '',
  ].join('\n');

  function compareClients(was: Fragment | undefined, is: Fragment | undefined): void {
    for (const [name, seconds] of is?.clients ?? [])
      if (was?.clients.get(name) !== seconds) added.push(`add set ip ${table} ${name} { ${clientsSpec(seconds)} }`);
    // The chain that fills a set is deleted or flushed first, since it is pushed before.
    for (const name of was?.clients.keys() ?? [])
      if (!is?.clients.has(name)) removed.push(`delete set ip ${table} ${name}`);
  }

  function compareChains(was: Fragment | undefined, is: Fragment | undefined): void {
    for (const [name, rules] of is?.chains ?? []) {
      const old = was?.chains.get(name);
      if (old && equal(old, rules)) continue;
      added.push(`add chain ip ${table} ${name}`);
      if (old) filled.push(`flush chain ip ${table} ${name}`);
      for (const rule of rules) filled.push(`add rule ip ${table} ${name} ${rule}`);
    }
    const old = [...(was?.chains.keys() ?? [])].filter((name) => !is?.chains.has(name));
    // Chains refer to each other, so all are emptied before any goes.
    removed.unshift(
      ...old.map((name) => `flush chain ip ${table} ${name}`),
      ...old.map((name) => `delete chain ip ${table} ${name}`),
    );
  }

  function compareElements(was: Fragment | undefined, is: Fragment | undefined): void {
    const old = new Map(was?.elements.map((element) => [idOf(element), element]));
    const now = new Map(is?.elements.map((element) => [idOf(element), element]));
    for (const [id, element] of old) if (now.get(id)?.value !== element.value || !now.has(id)) gone.set(id, element);
    for (const [id, element] of now) if (old.get(id)?.value !== element.value || !old.has(id)) come.set(id, element);
  }

  function elementCommands(verb: 'add' | 'delete', elements: readonly Element[]): string[] {
    return [...Map.groupBy(elements, ({ collection }) => collection)].map(([collection, list]) => {
      const texts = list.map((element) => (verb === 'delete' ? element.key : elementText(element)));
      return `${verb} element ip ${table} ${collection} { ${texts.join(', ')} }`;
    });
  }
}

/** Routes may share elements, as backends on this node do; such a one stays while any route has it. */
function stillUsed(gone: ReadonlyMap<string, Element>, after: Fragments): Set<string> {
  const used = new Set<string>();
  if (![...gone.values()].some(({ collection }) => collection === shareable)) return used;
  for (const { elements } of after.values()) {
    for (const element of elements) {
      if (element.collection !== shareable) continue;
      const id = idOf(element);
      if (gone.has(id)) used.add(id);
    }
  }
  return used;
}

const shareable: Collection = 'hairpin';

function idOf({ collection, key }: Element): string {
  return `${collection} ${key}`;
}
