/** Faults of quotas: what can be limited, and for which pods. */
import { equal } from '#lib/meta/equal.ts';
import { invalid, required, type FieldError } from '#lib/meta/errors.ts';
import { goList } from '#lib/meta/go-text.ts';
import { goStruct } from './checks/go-value.ts';
import type { ResourceQuotaSpec, ScopedResourceSelectorRequirement } from './gen/core-v1.ts';
import { checkAmount, checkAnyResourceName } from './pod-spec/check-resources.ts';

type Faults = FieldError[];
type Amounts = Readonly<Record<string, number | string>>;

const compute = ['cpu', 'memory', 'requests.cpu', 'requests.memory', 'limits.cpu', 'limits.memory'];
const standard = new Set([
  ...compute,
  'ephemeral-storage',
  'requests.ephemeral-storage',
  'limits.ephemeral-storage',
  'requests.storage',
  'pods',
  'resourcequotas',
  'services',
  'replicationcontrollers',
  'secrets',
  'persistentvolumeclaims',
  'configmaps',
  'services.nodeports',
  'services.loadbalancers',
]);

/** Limits by resource, or what is used of them. */
export function checkAmounts(path: string, amounts: Amounts | undefined): Faults {
  return Object.entries(amounts ?? {}).flatMap(([name, amount]) => {
    const at = `${path}[${name}]`;
    return [
      ...checkAnyResourceName(at, name),
      ...(name.includes('/') || isStandard(name) ? [] : [invalid(at, name, 'must be a standard resource for quota')]),
      ...checkAmount(at, name, amount),
    ];
  });
}

function isStandard(name: string): boolean {
  return standard.has(name) || /^(requests\.)?hugepages-/.test(name);
}

const ofPods = new Set(['pods', ...compute]);
const always = ['Terminating', 'NotTerminating', 'BestEffort', 'NotBestEffort', 'CrossNamespacePodAffinity'];
const scopes = [...always, 'PriorityClass'];
const opposites = [
  ['BestEffort', 'NotBestEffort'],
  ['Terminating', 'NotTerminating'],
] as const;

/** How many of the limited resources a scope does not know. */
function strangers(scope: string, { hard = {} }: ResourceQuotaSpec): string[] {
  const isKnown = (name: string) =>
    scope === 'BestEffort' ? name === 'pods' : scopes.includes(scope) && ofPods.has(name);
  return Object.keys(hard).filter((name) => isStandard(name) && !isKnown(name));
}

export function checkScopes(spec: ResourceQuotaSpec): Faults {
  const said: readonly string[] = spec.scopes ?? [];
  const fault = (detail: string) => invalid('spec.scopes', showScopes(spec), detail);
  return [
    ...said.flatMap((scope) => [
      ...(scopes.includes(scope) ? [] : [fault('unsupported scope')]),
      ...strangers(scope, spec).map(() => fault('unsupported scope applied to resource')),
    ]),
    ...conflicts(said).map(() => fault('conflicting scopes')),
  ];
}

function conflicts(said: readonly string[]): object[] {
  return opposites.filter(([one, other]) => said.includes(one) && said.includes(other));
}

function showScopes({ scopes: said }: ResourceQuotaSpec) {
  return goList('core.ResourceQuotaScope', said);
}

/** Upstream's paths do not say which of the expressions is meant. */
export function checkScopeSelector(spec: ResourceQuotaSpec): Faults {
  if (!spec.scopeSelector) return [];
  const path = 'spec.scopeSelector.matchExpressions';
  const expressions = spec.scopeSelector.matchExpressions ?? [];
  const shown = goStruct('io.k8s.api.core.v1.ScopeSelector', spec.scopeSelector);
  return [
    ...expressions.flatMap((expression) => [
      ...(scopes.includes(expression.scopeName)
        ? []
        : [invalid(`${path}.scopeName`, expression.scopeName, 'unsupported scope')]),
      ...strangers(expression.scopeName, spec).map(() => invalid(path, shown, 'unsupported scope applied to resource')),
      ...checkOperator(path, expression),
    ]),
    ...conflicts(expressions.map(({ scopeName }) => scopeName)).map(() =>
      invalid(path, showScopes(spec), 'conflicting scopes'),
    ),
  ];
}

function checkOperator(path: string, { scopeName, operator, values = [] }: ScopedResourceSelectorRequirement): Faults {
  const faults: Faults = [];
  if (always.includes(scopeName) && operator !== 'Exists') {
    const all =
      'Terminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort';
    const detail = `must be 'Exists' when scope is any of ResourceQuotaScope${all} or ResourceQuotaScopeCrossNamespacePodAffinity`;
    faults.push(invalid(`${path}.operator`, operator, detail));
  }
  switch (operator) {
    case 'In':
    case 'NotIn': {
      if (values.length > 0) return faults;
      const detail = "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector";
      return [...faults, required(`${path}.values`, detail)];
    }
    case 'Exists':
    case 'DoesNotExist': {
      if (values.length === 0) return faults;
      const detail = "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector";
      return [...faults, invalid(`${path}.values`, goList('string', values), detail)];
    }
    default:
      return [...faults, invalid(`${path}.operator`, operator, 'not a valid selector operator')];
  }
}

/** A quota counts the same pods for good. */
export function checkChange(now: ResourceQuotaSpec, before: ResourceQuotaSpec): Faults {
  const set = (spec: ResourceQuotaSpec) => [...new Set(spec.scopes ?? [])].sort();
  return equal(set(now), set(before)) ? [] : [invalid('spec.scopes', showScopes(now), 'field is immutable')];
}
