/** A ClusterRole that aggregates has the rules of all that its selectors select. */
import type { Action } from '#lib/control/types.ts';
import { clusterRole } from '#lib/kinds/cluster-role.ts';
import type { ClusterRole, PolicyRule } from '#lib/kinds/gen/rbac-v1.ts';
import { equal } from '#lib/meta/equal.ts';
import { selects } from '#lib/meta/selectors.ts';

export interface Seen {
  role: ClusterRole;
  all: readonly ClusterRole[];
}

export function decide({ role, all }: Seen): Action[] {
  if (!role.aggregationRule) return [];
  const rules = gathered(role, all);
  if (equal(rules, role.rules ?? [])) return [];
  return [{ do: 'update', kind: clusterRole, object: { ...role, rules } as ClusterRole }];
}

/** The rules by selector, then by the name of the role that has them; each once. */
function gathered({ metadata, aggregationRule }: ClusterRole, all: readonly ClusterRole[]): PolicyRule[] {
  const others = all
    .filter((other) => other.metadata.name !== metadata.name)
    .toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  const rules: PolicyRule[] = [];
  for (const selector of aggregationRule?.clusterRoleSelectors ?? [])
    for (const { rules: own = [] } of others.filter((other) => selects(selector, other.metadata.labels)))
      for (const rule of own) if (!rules.some((known) => equal(known, rule))) rules.push(rule);
  return rules;
}
