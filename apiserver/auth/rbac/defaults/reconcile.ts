/**
 * What has to be written so that the default roles and bindings are there, as upstream's `component-helpers/auth/rbac/reconciliation`: what is
 * missing is made or added, what somebody added stays, and what is annotated to be left alone is. Pure.
 */
import type {
  ClusterRole,
  ClusterRoleBinding,
  PolicyRule,
  Role,
  RoleBinding,
  Subject,
} from '#lib/kinds/gen/rbac-v1.ts';
import type { Kind } from '#lib/kinds/define-kind.ts';
import { clusterRoleBinding } from '#lib/kinds/cluster-role-binding.ts';
import { clusterRole } from '#lib/kinds/cluster-role.ts';
import { roleBinding } from '#lib/kinds/role-binding.ts';
import { role } from '#lib/kinds/role.ts';
import { equal } from '#lib/meta/equal.ts';
import type { Draft, Resource } from '#lib/meta/object.ts';
import { uncovered } from '../covers.ts';
import { clusterRoleBindings } from './cluster-role-bindings.ts';
import { clusterRoles } from './cluster-roles.ts';
import type { DefaultClusterRole } from './cluster-roles.ts';
import { controllerPrefix, controllerRoles } from './controller-roles.ts';
import { namespacedRoles } from './namespaced-roles.ts';

type AnyRole = Role | ClusterRole;
type AnyBinding = RoleBinding | ClusterRoleBinding;

/** An object as it should be at least. */
export interface Wanted {
  kind: Kind;
  object: Draft<AnyRole> | Draft<AnyBinding>;
}

export type Correction =
  | { do: 'create' }
  | { do: 'update'; object: Resource }
  /** A binding cannot be turned towards another role, so it is made anew. */
  | { do: 'replace' };

const group = 'rbac.authorization.k8s.io';
const leaveAlone = 'rbac.authorization.kubernetes.io/autoupdate';
const labels = { 'kubernetes.io/bootstrapping': 'rbac-defaults' };
const annotations = { [leaveAlone]: 'true' };
const aggregateLabel = (name: string) => `rbac.authorization.k8s.io/aggregate-to-${name}`;

/** All default roles, then all default bindings. */
export function defaults(): Wanted[] {
  const controllers = Object.entries(controllerRoles).map(([name, rules]): [string, DefaultClusterRole] => [
    controllerPrefix + name,
    { rules },
  ]);
  return [
    ...[...Object.entries(clusterRoles), ...controllers].map(([name, { rules, gathers, partOf }]): Wanted => ({
      kind: clusterRole as Kind,
      object: {
        metadata: { name, labels: { ...labels, ...(partOf && { [aggregateLabel(partOf)]: 'true' }) }, annotations },
        ...(rules && { rules: [...rules] }),
        ...(gathers && {
          aggregationRule: { clusterRoleSelectors: [{ matchLabels: { [aggregateLabel(gathers)]: 'true' } }] },
        }),
      },
    })),
    ...namespacedRoles.map(({ namespace, name, rules }): Wanted => ({
      kind: role as Kind,
      object: { metadata: { namespace, name, labels, annotations }, rules: [...rules] },
    })),
    ...Object.entries(clusterRoleBindings).map(([name, subjects]): Wanted => ({
      kind: clusterRoleBinding as Kind,
      object: binding({ name }, 'ClusterRole', name, subjects),
    })),
    ...namespacedRoles.map(({ namespace, name, binding: own = name, subjects }): Wanted => ({
      kind: roleBinding as Kind,
      object: binding({ namespace, name: own }, 'Role', name, subjects),
    })),
  ];
}

/** What brings `present` to what is wanted; undefined when nothing has to be done. */
export function correction({ object }: Wanted, present: Resource | undefined): Correction | undefined {
  if (!present) return { do: 'create' };
  if (present.metadata.annotations?.[leaveAlone] === 'false') return undefined;
  if ('roleRef' in object && !equal(object.roleRef, (present as AnyBinding).roleRef)) return { do: 'replace' };
  const metadata = {
    ...present.metadata,
    labels: { ...object.metadata.labels, ...present.metadata.labels },
    annotations: { ...object.metadata.annotations, ...present.metadata.annotations },
  };
  const content = 'roleRef' in object ? boundTo(object, present as AnyBinding) : granting(object, present);
  const next = { ...present, metadata, ...content };
  return equal(next, present) ? undefined : { do: 'update', object: next };
}

function granting(wanted: Draft<ClusterRole>, present: ClusterRole): Partial<ClusterRole> {
  const selectors = present.aggregationRule?.clusterRoleSelectors ?? [];
  const lacking = (wanted.aggregationRule?.clusterRoleSelectors ?? []).filter(
    (selector) => !selectors.some((known) => equal(known, selector)),
  );
  const rules: PolicyRule[] = [...(present.rules ?? []), ...uncovered(present.rules ?? [], wanted.rules ?? [])];
  return {
    ...(rules.length > (present.rules ?? []).length && { rules }),
    ...(lacking.length > 0 && { aggregationRule: { clusterRoleSelectors: [...selectors, ...lacking] } }),
  };
}

function boundTo(wanted: Draft<AnyBinding>, present: AnyBinding): Partial<AnyBinding> {
  const known = present.subjects ?? [];
  const lacking = (wanted.subjects ?? []).filter((subject) => !known.some((one) => isSame(one, subject)));
  return lacking.length > 0 ? { subjects: [...known, ...lacking] } : {};
}

function isSame(a: Subject, b: Subject): boolean {
  return a.kind === b.kind && a.name === b.name && (a.namespace ?? '') === (b.namespace ?? '');
}

function binding(
  place: { namespace?: string; name: string },
  kind: 'ClusterRole' | 'Role',
  name: string,
  subjects: readonly Subject[],
): Draft<AnyBinding> {
  return {
    metadata: { ...place, labels, annotations },
    roleRef: { apiGroup: group, kind, name },
    ...(subjects.length > 0 && { subjects: [...subjects] }),
  };
}
