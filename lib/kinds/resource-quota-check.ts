/** Faults of quotas: what can be limited, and for which pods. */
import { equal } from '#lib/meta/equal.ts';
import { invalid, maxFaults, required, type FieldError } from '#lib/meta/errors.ts';
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

/** Which of the limited resources a scope does not know; `standards` are those of them that upstream knows. */
function strangers(scope: string, standards: readonly string[]): string[] {
  const isKnown = (name: string) =>
    scope === 'BestEffort' ? name === 'pods' : scopes.includes(scope) && ofPods.has(name);
  return standards.filter((name) => !isKnown(name));
}

function standardsOf({ hard = {} }: ResourceQuotaSpec): string[] {
  return Object.keys(hard).filter(isStandard);
}

export function checkScopes(spec: ResourceQuotaSpec): Faults {
  const said: readonly string[] = spec.scopes ?? [];
  if (said.length === 0) return [];
  const shown = showScopes(spec);
  const fault = (detail: string) => invalid('spec.scopes', shown, detail);
  const standards = standardsOf(spec);
  const faults: Faults = [];
  for (const scope of said) {
    // Each scope is held against each resource: what would not be told is not looked for.
    if (faults.length >= maxFaults) return faults;
    if (!scopes.includes(scope)) faults.push(fault('unsupported scope'));
    for (const _ of strangers(scope, standards)) faults.push(fault('unsupported scope applied to resource'));
  }
  return [...faults, ...conflicts(said).map(() => fault('conflicting scopes'))];
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
  const standards = standardsOf(spec);
  const faults: Faults = [];
  for (const expression of expressions) {
    if (faults.length >= maxFaults) return faults;
    const { scopeName } = expression;
    if (!scopes.includes(scopeName)) faults.push(invalid(`${path}.scopeName`, scopeName, 'unsupported scope'));
    for (const _ of strangers(scopeName, standards)) {
      faults.push(invalid(path, shown, 'unsupported scope applied to resource'));
    }
    faults.push(...checkOperator(path, expression));
  }
  const conflicting = conflicts(expressions.map(({ scopeName }) => scopeName));
  return [...faults, ...conflicting.map(() => invalid(path, showScopes(spec), 'conflicting scopes'))];
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
