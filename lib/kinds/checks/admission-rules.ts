/** Faults of what webhooks and policies say about the requests that they are for. */
import { duplicate, invalid, notSupported, required, tooMany, type FieldError } from '#lib/meta/errors.ts';
import { goList } from '#lib/meta/go-text.ts';
import { pathSegmentFaults, qualifiedNameFaults } from '#lib/meta/names.ts';
import type {
  MatchCondition,
  MatchResources,
  NamedRuleWithOperations,
  RuleWithOperations,
} from '../gen/admissionregistration-v1.ts';
import { checkLabelSelector } from './selectors.ts';
import { checkExpression, compileCondition } from './expressions.ts';
import { grammar, needed, optionalOneOf } from './values.ts';

type Faults = FieldError[];

const operations = ['*', 'CONNECT', 'CREATE', 'DELETE', 'UPDATE'];
const maxConditions = 64;

/** Which objects of which operations. */
export function checkRule(path: string, rule: RuleWithOperations): Faults {
  const { operations: done = [], apiGroups = [], apiVersions = [], resources = [] } = rule;
  const alone = (field: string, list: readonly string[], type: string, others: string) =>
    list.length > 1 && list.includes('*')
      ? [invalid(`${path}.${field}`, goList(type, list), `if '*' is present, must not specify other ${others}`)]
      : [];
  return [
    ...(done.length === 0 ? [required(`${path}.operations`)] : []),
    ...alone('operations', done, 'admissionregistration.OperationType', 'operations'),
    ...done.flatMap((one, i) =>
      operations.includes(one) ? [] : [notSupported(`${path}.operations[${i}]`, one, operations)],
    ),
    ...(apiGroups.length === 0 ? [required(`${path}.apiGroups`)] : []),
    ...alone('apiGroups', apiGroups, 'string', 'API groups'),
    ...(apiVersions.length === 0 ? [required(`${path}.apiVersions`)] : []),
    ...alone('apiVersions', apiVersions, 'string', 'API versions'),
    ...apiVersions.flatMap((version, i) => needed(`${path}.apiVersions[${i}]`, version)),
    ...checkResources(`${path}.resources`, resources),
    ...optionalOneOf(`${path}.scope`, rule.scope, ['*', 'Cluster', 'Namespaced']),
  ];
}

/** Resources and subresources, either of which may be all. */
function checkResources(path: string, resources: readonly string[]): Faults {
  const faults: Faults = resources.length === 0 ? [required(path)] : [];
  const whole = new Set<string>();
  const everywhere = new Set<string>();
  for (const [i, resource] of resources.entries()) {
    const slash = resource.indexOf('/');
    if (!resource) faults.push(required(`${path}[${i}]`));
    if (slash < 0) continue;
    const [name, part] = [resource.slice(0, slash), resource.slice(slash + 1)];
    const present = (which: string) =>
      faults.push(invalid(`${path}[${i}]`, resource, `if '${which}' is present, must not specify ${resource}`));
    if (whole.has(name)) present(`${name}/*`);
    if (everywhere.has(part)) present(`*/${part}`);
    if (part === '*') whole.add(name);
    if (name === '*') everywhere.add(part);
  }
  const fault = (detail: string) => faults.push(invalid(path, goList('string', resources), detail));
  if (resources.length > 1 && resources.includes('*/*')) {
    fault("if '*/*' is present, must not specify other resources");
  }
  const plain = resources.filter((resource) => resource && !resource.includes('/'));
  // Upstream looks at the last of them.
  if (plain.includes('*') && plain.at(-1) !== '*') {
    fault("if '*' is present, must not specify other resources without subresources");
  }
  return faults;
}

/** Expressions that must hold besides. */
export function checkMatchConditions(path: string, conditions: readonly MatchCondition[] = []): Faults {
  const names = new Set<string>();
  return [
    ...(conditions.length > maxConditions ? [tooMany(path, conditions.length, maxConditions)] : []),
    ...conditions.flatMap(({ name, expression }, i) => {
      const at = `${path}[${i}]`;
      const isTwice = name !== '' && names.has(name);
      names.add(name);
      return [
        ...needed(`${at}.expression`, expression.trim()),
        ...checkExpression(`${at}.expression`, expression, compileCondition, 'bool'),
        ...(name ? grammar(`${at}.name`, name, qualifiedNameFaults) : [required(`${at}.name`)]),
        ...(isTwice ? [duplicate(`${at}.name`, name)] : []),
      ];
    }),
  ];
}

/** The objects that a policy or a binding is for. */
export function checkMatchResources(path: string, match: MatchResources): Faults {
  const { matchPolicy, namespaceSelector, objectSelector } = match;
  return [
    ...(matchPolicy === undefined
      ? [required(`${path}.matchPolicy`)]
      : optionalOneOf(`${path}.matchPolicy`, matchPolicy, ['Equivalent', 'Exact'])),
    ...Object.entries({ namespaceSelector, objectSelector }).flatMap(([name, selector]) =>
      selector ? checkLabelSelector(`${path}.${name}`, selector) : [required(`${path}.${name}`)],
    ),
    ...(match.resourceRules ?? []).flatMap((rule, i) => checkNamedRule(`${path}.resourceRules[${i}]`, rule)),
    ...(match.excludeResourceRules ?? []).flatMap((rule, i) =>
      checkNamedRule(`${path}.excludeResourceRules[${i}]`, rule),
    ),
  ];
}

function checkNamedRule(path: string, rule: NamedRuleWithOperations): Faults {
  const names = rule.resourceNames ?? [];
  const seen = new Set<string>();
  return [
    ...names.flatMap((name, i) => {
      const isTwice = seen.has(name);
      seen.add(name);
      return [
        ...grammar(`${path}.resourceNames[${i}]`, name, pathSegmentFaults),
        ...(isTwice ? [duplicate(`${path}.resourceNames[${i}]`, name)] : []),
      ];
    }),
    ...checkRule(path, rule),
  ];
}
