/**
 * Nobody gives away what they do not have: writes of roles and of bindings are held against the writer's own rules, as upstream's
 * `pkg/registry/rbac`, unless the writer may `escalate` or `bind`.
 */
import type { ClusterRole, PolicyRule, RoleBinding } from '#lib/kinds/gen/rbac-v1.ts';
import { clusterRoleBinding } from '#lib/kinds/cluster-role-binding.ts';
import { clusterRole } from '#lib/kinds/cluster-role.ts';
import { roleBinding } from '#lib/kinds/role-binding.ts';
import { role } from '#lib/kinds/role.ts';
import { equal } from '#lib/meta/equal.ts';
import { forbidden, notFound } from '#lib/meta/errors.ts';
import type { Resource } from '#lib/meta/object.ts';
import { goQuote } from '#lib/meta/go-text.ts';
import type { AdmissionRequest } from '../../admission/types.ts';
import { mastersGroup } from '../authorize.ts';
import type { Authorizer } from '../authorize.ts';
import type { Caller } from '../../verbs/types.ts';
import { quoted, rulesText, uncovered } from './covers.ts';
import { aggregate } from './policy.ts';
import type { Policy } from './policy.ts';

const everything: PolicyRule[] = [
  { apiGroups: ['*'], resources: ['*'], verbs: ['*'] },
  { nonResourceURLs: ['*'], verbs: ['*'] },
];

/** The check, as the last step of admission. */
export function makeEscalationCheck(policy: Policy, authorize: Authorizer): (request: AdmissionRequest) => void {
  const may = (caller: Caller, verb: string, plural: string, namespace: string, name: string) =>
    authorize(caller, { verb, group: role.group, plural, subresource: '', namespace, name }).allowed;

  /** Why the caller must not grant the rules; undefined when they may. */
  const excess = (caller: Caller, namespace: string, rules: readonly PolicyRule[]): string | undefined => {
    const { rules: own, missing } = policy.rulesFor(caller, namespace);
    const lacking = uncovered(own, rules);
    if (lacking.length === 0) return undefined;
    const who = `user ${goQuote(caller.name)} (groups=${quoted(caller.groups)})`;
    const because = `${who} is attempting to grant RBAC permissions not currently held:\n${rulesText(lacking)}`;
    return missing.length > 0 ? `${because}; resolution errors: [${aggregate(missing)}]` : because;
  };

  const checkRole = ({ kind, caller, namespace, name, object, before, operation }: AdmissionRequest) => {
    // A creation has no name yet as far as authorisation goes.
    if (may(caller, 'escalate', kind.plural, namespace, operation === 'CREATE' ? '' : name)) return;
    const now = object as ClusterRole;
    const was: Partial<ClusterRole> = before ?? {};
    const because = excess(caller, namespace, now.rules ?? []);
    if (because) throw forbidden(kind, name, because);
    const aggregates = now.aggregationRule ?? was.aggregationRule;
    if (aggregates && excess(caller, namespace, everything))
      throw forbidden(kind, name, 'must have cluster-admin privileges to use the aggregationRule');
  };

  const checkBinding = ({ kind, caller, namespace, name, object }: AdmissionRequest) => {
    const { roleRef } = object as RoleBinding;
    const roleKind = roleRef.kind === 'ClusterRole' ? clusterRole : role;
    if (may(caller, 'bind', roleKind.plural, namespace, roleRef.name)) return;
    const rules = policy.rulesOf(roleRef, namespace);
    if (!rules) throw notFound({ ...roleKind, plural: roleRef.kind.toLowerCase() }, roleRef.name);
    const because = excess(caller, namespace, rules);
    if (because) throw forbidden(kind, name, because);
  };

  const checks = new Map<unknown, (request: AdmissionRequest) => void>([
    [role, checkRole],
    [clusterRole, checkRole],
    [roleBinding, checkBinding],
    [clusterRoleBinding, checkBinding],
  ]);
  return (request) => {
    const check = checks.get(request.kind);
    if (!check || request.operation === 'DELETE' || request.caller.groups.includes(mastersGroup)) return;
    if (request.before && concernsCollectorOnly(request.object, request.before)) return;
    check(request);
  };
}

/** Whether an update changes only what the garbage collector must be able to change. */
function concernsCollectorOnly(now: Resource, before: Resource): boolean {
  const rest = ({ metadata, ...body }: Resource) => {
    const { ownerReferences: _o, finalizers: _f, managedFields: _m, ...others } = metadata;
    return { ...body, metadata: others };
  };
  return equal(rest(now), rest(before));
}
