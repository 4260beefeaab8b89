/** A short hand for rules, in which the default roles are written. */
import type { PolicyRule } from '#lib/kinds/gen/rbac-v1.ts';

/** Words between spaces; `core` is the group without a name. */
export function allow(verbs: string, groups: string, resources: string, names?: string): PolicyRule {
  return {
    apiGroups: words(groups).map((group) => (group === 'core' ? '' : group)),
    resources: words(resources),
    ...(names !== undefined && { resourceNames: words(names) }),
    verbs: words(verbs),
  };
}

/** A rule about paths, which everyone who has it may get. */
export function allowPaths(verbs: string, paths: string): PolicyRule {
  return { nonResourceURLs: words(paths), verbs: words(verbs) };
}

export const read = 'get list watch';
export const change = 'create delete deletecollection patch update';
export const readAndChange = `${read} ${change}`;

/** What every component may do that records events. */
export const recordEvents = allow('create patch update', 'core events.k8s.io', 'events');

function words(text: string): string[] {
  return text.split(' ').toSorted();
}
