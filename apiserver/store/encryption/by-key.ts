/** Which forms are for which keys: a store key's folder says what resource its value is of. */
import type { EncryptionRule } from './config.ts';
import { splitResource } from './config.ts';
import { formsOf } from './forms.ts';
import type { Forms } from './forms.ts';

/** The forms for a key; undefined where values are plain because no rule is about them. */
export type FormsFor = (key: string) => Forms | undefined;

const root = '/registry/';

/**
 * Rules as a lookup by key; of several about a resource, the first counts. The folder of a resource is its name, after that of its group; `core` are the
 * names in the group without one.
 */
export function formsByKey(rules: readonly EncryptionRule[], core: ReadonlySet<string>): FormsFor {
  const made = rules.map(({ resources, providers }) => ({
    wanted: resources.map(splitResource),
    forms: formsOf(providers),
  }));
  const formsOfResource = (group: string, resource: string) =>
    made.find(({ wanted }) => wanted.some((one) => isWanted(one.group, group) && isWanted(one.resource, resource)))
      ?.forms;
  const known = new Map<string, Forms | undefined>();
  return (key) => {
    if (!key.startsWith(root)) return undefined;
    let end = key.indexOf('/', root.length);
    const first = key.slice(root.length, end);
    const isCore = core.has(first);
    if (!isCore) end = key.indexOf('/', end + 1);
    const folder = key.slice(root.length, end);
    if (!known.has(folder))
      known.set(folder, isCore ? formsOfResource('', first) : formsOfResource(first, folder.slice(first.length + 1)));
    return known.get(folder);
  };
}

function isWanted(wanted: string, name: string): boolean {
  return wanted === '*' || wanted === name;
}
