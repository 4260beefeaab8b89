/** All roles and bindings in memory, arranged by subject: a request looks only at what is bound to its own caller. */
import type {
  ClusterRole,
  ClusterRoleBinding,
  PolicyRule,
  Role,
  RoleBinding,
  RoleRef,
  Subject,
} from '#lib/kinds/gen/rbac-v1.ts';
import { goQuote } from '#lib/meta/go-text.ts';
import { isPathAttempt } from '../authorize.ts';
import type { Attempt, Decision, PathAttempt } from '../authorize.ts';
import type { Caller } from '../../verbs/types.ts';
import { compileRules } from './match.ts';
import type { RuleSet } from './match.ts';

export type RoleObject = Role | ClusterRole;
export type BindingObject = RoleBinding | ClusterRoleBinding;

/** What a caller is granted, and the roles that bindings name in vain. */
export interface Granted {
  rules: PolicyRule[];
  missing: string[];
}

export interface Policy {
  /** Takes a new state of an object in, known by its key; undefined when it is gone. */
  setRole(key: string, role: RoleObject | undefined): void;
  setBinding(key: string, binding: BindingObject | undefined): void;
  decide(caller: Caller, attempt: Attempt | PathAttempt): Decision;
  /** Everything granted to the caller in a namespace, or with '' in the whole cluster. */
  rulesFor(caller: Caller, namespace: string): Granted;
  /** The rules of the role that a binding in `namespace` names; undefined when there is none. */
  rulesOf(ref: RoleRef, namespace: string): readonly PolicyRule[] | undefined;
  clear(): void;
}

interface Grant {
  binding: BindingObject;
  subject: Subject;
  /** Of the role, in `roles`. */
  role: string;
}

/** By the subject's name. Service accounts are users under their long names. */
interface Scope {
  users: Map<string, Grant[]>;
  groups: Map<string, Grant[]>;
}

export function makePolicy(): Policy {
  const roles = new Map<string, RuleSet>();
  const roleNames = new Map<string, string>();
  const bindings = new Map<string, BindingObject>();
  /** By namespace; '' for what holds in the whole cluster. */
  const scopes = new Map<string, Scope>();

  const remove = (binding: BindingObject) => {
    const namespace = binding.metadata.namespace ?? '';
    const scope = scopes.get(namespace);
    if (!scope) return;
    for (const subject of binding.subjects ?? []) {
      const place = placeOf(scope, subject, namespace);
      if (!place) continue;
      const left = (place.map.get(place.name) ?? []).filter((grant) => grant.binding !== binding);
      if (left.length > 0) place.map.set(place.name, left);
      else place.map.delete(place.name);
    }
    if (scope.users.size + scope.groups.size === 0) scopes.delete(namespace);
  };

  const add = (binding: BindingObject) => {
    const namespace = binding.metadata.namespace ?? '';
    const role = roleKey(binding.roleRef, namespace);
    for (const subject of binding.subjects ?? []) {
      const scope = scopes.get(namespace) ?? { users: new Map(), groups: new Map() };
      const place = placeOf(scope, subject, namespace);
      if (!place) continue;
      scopes.set(namespace, scope);
      const grants = place.map.get(place.name);
      const grant = { binding, subject, role };
      if (grants) grants.push(grant);
      else place.map.set(place.name, [grant]);
    }
  };

  /** The first grant that `wanted` accepts. */
  const find = (caller: Caller, namespace: string, wanted: (grant: Grant) => boolean): Grant | undefined => {
    const within = (scope: Scope | undefined): Grant | undefined => {
      if (!scope) return undefined;
      const own = scope.users.get(caller.name)?.find(wanted);
      if (own) return own;
      for (const group of caller.groups) {
        const shared = scope.groups.get(group)?.find(wanted);
        if (shared) return shared;
      }
      return undefined;
    };
    return within(scopes.get('')) ?? (namespace === '' ? undefined : within(scopes.get(namespace)));
  };

  const missingOf = (caller: Caller, namespace: string): string[] => {
    const missing = new Set<string>();
    find(caller, namespace, ({ role, binding }) => {
      if (!roles.has(role)) missing.add(notFoundText(binding.roleRef));
      return false;
    });
    return [...missing];
  };

  return {
    setRole(key, role) {
      const name = roleNames.get(key);
      if (name !== undefined && !role) {
        roles.delete(name);
        roleNames.delete(key);
      }
      if (!role) return;
      const { namespace = '' } = role.metadata;
      const known = roleKey({ kind: namespace ? 'Role' : 'ClusterRole', name: role.metadata.name }, namespace);
      roleNames.set(key, known);
      roles.set(known, compileRules(role.rules ?? []));
    },

    setBinding(key, binding) {
      const before = bindings.get(key);
      if (before) remove(before);
      if (binding) {
        add(binding);
        bindings.set(key, binding);
      } else {
        bindings.delete(key);
      }
    },

    decide(caller, attempt) {
      const isPath = isPathAttempt(attempt);
      const namespace = isPath ? '' : attempt.namespace;
      const grant = find(caller, namespace, ({ role }) => {
        const rules = roles.get(role);
        return rules !== undefined && (isPath ? rules.allowsPath(attempt) : rules.allows(attempt));
      });
      if (grant) return { allowed: true, reason: `RBAC: allowed by ${describe(grant)}` };
      const missing = missingOf(caller, namespace);
      return { allowed: false, reason: missing.length > 0 ? `RBAC: ${aggregate(missing)}` : '' };
    },

    rulesFor(caller, namespace) {
      const rules: PolicyRule[] = [];
      const seen = new Set<BindingObject>();
      find(caller, namespace, ({ role, binding }) => {
        if (seen.has(binding)) return false;
        seen.add(binding);
        rules.push(...(roles.get(role)?.rules ?? []));
        return false;
      });
      return { rules, missing: missingOf(caller, namespace) };
    },

    rulesOf: (ref, namespace) => roles.get(roleKey(ref, namespace))?.rules,

    clear() {
      for (const map of [roles, roleNames, bindings, scopes]) map.clear();
    },
  };
}

/** Where a subject's grants are kept; undefined for a subject that can never be anybody. */
function placeOf(
  scope: Scope,
  { kind, name, namespace: own }: Subject,
  namespace: string,
): { map: Map<string, Grant[]>; name: string } | undefined {
  if (kind === 'User') return { map: scope.users, name };
  if (kind === 'Group') return { map: scope.groups, name };
  const home = own || namespace;
  if (kind !== 'ServiceAccount' || !home) return undefined;
  return { map: scope.users, name: `system:serviceaccount:${home}:${name}` };
}

/** Cluster roles have one name everywhere; others lie in the namespace of the binding. */
function roleKey({ kind, name }: Pick<RoleRef, 'kind' | 'name'>, namespace: string): string {
  return kind === 'ClusterRole' ? `ClusterRole/${name}` : `${kind}/${namespace}/${name}`;
}

function notFoundText({ kind, name }: RoleRef): string {
  return `${kind.toLowerCase()}.rbac.authorization.k8s.io "${name}" not found`;
}

/** Several faults as one sentence, as upstream writes them. */
export function aggregate(faults: readonly string[]): string {
  return faults.length === 1 ? faults[0]! : `[${faults.join(', ')}]`;
}

function describe({ binding: { metadata, roleRef }, subject }: Grant): string {
  const { name, namespace } = metadata;
  const which = namespace ? `RoleBinding ${goQuote(`${name}/${namespace}`)}` : `ClusterRoleBinding "${name}"`;
  const whom =
    subject.kind === 'ServiceAccount' ? `${subject.name}/${subject.namespace || (namespace ?? '')}` : subject.name;
  return `${which} of ${roleRef.kind} "${roleRef.name}" to ${subject.kind} ${goQuote(whom)}`;
}
