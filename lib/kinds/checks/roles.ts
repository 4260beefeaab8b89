/** Faults of roles and their bindings. */
import { equal } from '#lib/meta/equal.ts';
import { invalid, notSupported, required, type FieldError } from '#lib/meta/errors.ts';
import { pathSegmentFaults, subdomainFaults } from '#lib/meta/names.ts';
import type { Resource } from '#lib/meta/object.ts';
import { ageColumn, nameColumn, text, wide } from '../columns.ts';
import type { Column } from '../define-kind.ts';
import type { PolicyRule, RoleRef, Subject } from '../gen/rbac-v1.ts';
import { goStruct } from './go-value.ts';
import { grammar, needed } from './values.ts';

const group = 'rbac.authorization.k8s.io';

/** Faults of a role's rules; only cluster roles may speak of paths. */
export function checkRules(rules: readonly PolicyRule[] | undefined, namespaced: boolean): FieldError[] {
  return (rules ?? []).flatMap((rule, i) => {
    const at = `rules[${i}]`;
    const { verbs, apiGroups = [], resources = [], resourceNames = [], nonResourceURLs: urls = [] } = rule;
    const faults: FieldError[] = [];
    if (verbs.length === 0) faults.push(required(`${at}.verbs`, 'verbs must contain at least one value'));
    if (urls.length > 0) {
      if (namespaced) {
        faults.push(invalid(`${at}.nonResourceURLs`, urls, 'namespaced rules cannot apply to non-resource URLs'));
      }
      if (apiGroups.length + resources.length + resourceNames.length > 0) {
        faults.push(
          invalid(`${at}.nonResourceURLs`, urls, 'rules cannot apply to both regular resources and non-resource URLs'),
        );
      }
      return faults;
    }
    if (apiGroups.length === 0)
      faults.push(required(`${at}.apiGroups`, 'resource rules must supply at least one api group'));
    if (resources.length === 0)
      faults.push(required(`${at}.resources`, 'resource rules must supply at least one resource'));
    return faults;
  });
}

/** Roles, users and groups are all of one API group. */
export function setBindingDefaults(binding: Binding): void {
  binding.roleRef.apiGroup ||= group;
  for (const subject of binding.subjects ?? []) {
    if (subject.kind === 'User' || subject.kind === 'Group') subject.apiGroup ||= group;
  }
}

interface Binding {
  roleRef: RoleRef;
  subjects?: Subject[] | undefined;
}

/** Faults of a binding; `kinds` are the roles it may refer to. A binding cannot be turned towards another role. */
export function checkBinding(now: Binding, before: Binding | undefined, kinds: readonly string[]): FieldError[] {
  const { roleRef, subjects = [] } = now;
  const isNamespaced = kinds.includes('Role');
  const faults: FieldError[] = [];
  if (roleRef.apiGroup !== group) faults.push(notSupported('roleRef.apiGroup', roleRef.apiGroup, [group]));
  if (!kinds.includes(roleRef.kind)) faults.push(notSupported('roleRef.kind', roleRef.kind, kinds));
  if (!roleRef.name) faults.push(required('roleRef.name'));
  else faults.push(...grammar('roleRef.name', roleRef.name, pathSegmentFaults));
  for (const [i, subject] of subjects.entries()) {
    faults.push(...checkSubject(`subjects[${i}]`, subject, isNamespaced));
  }
  if (before && !equal(roleRef, before.roleRef)) {
    faults.push(invalid('roleRef', goStruct('io.k8s.api.rbac.v1.RoleRef', roleRef), 'cannot change roleRef'));
  }
  return faults;
}

/** In a namespace, service accounts without one of their own are of it. */
function checkSubject(path: string, subject: Subject, isNamespaced: boolean): FieldError[] {
  const { kind, name, namespace, apiGroup = '' } = subject;
  const faults = needed(`${path}.name`, name);
  switch (kind) {
    case 'ServiceAccount':
      if (name) faults.push(...grammar(`${path}.name`, name, subdomainFaults));
      if (apiGroup !== '') faults.push(notSupported(`${path}.apiGroup`, apiGroup, ['']));
      if (!namespace && !isNamespaced) faults.push(required(`${path}.namespace`));
      break;
    case 'User':
    case 'Group':
      if (!name) faults.push(invalid(`${path}.name`, name, `${kind.toLowerCase()} name cannot be empty`));
      if (apiGroup !== group) faults.push(notSupported(`${path}.apiGroup`, apiGroup, [group]));
      break;
    default:
      faults.push(notSupported(`${path}.kind`, kind, ['ServiceAccount', 'User', 'Group']));
  }
  return faults;
}

/** Columns of bindings. */
export function bindingColumns(): Column<Binding & Resource>[] {
  const subjects = (kind: string) => (object: Binding) =>
    (object.subjects ?? [])
      .filter((subject) => subject.kind === kind)
      .map(({ name, namespace }) => (kind === 'ServiceAccount' ? `${namespace ?? ''}/${name}` : name))
      .join(', ');
  return [
    nameColumn,
    text('Role', ({ roleRef }) => `${roleRef.kind}/${roleRef.name}`),
    ageColumn,
    wide(text('Users', subjects('User'))),
    wide(text('Groups', subjects('Group'))),
    wide(text('ServiceAccounts', subjects('ServiceAccount'))),
  ];
}
