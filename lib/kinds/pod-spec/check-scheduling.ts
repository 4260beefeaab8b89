/** Faults of what a pod says about where it may run. */
import { duplicate, fieldForbidden, invalid, notSupported, required, type FieldError } from '#lib/meta/errors.ts';
import { labelNameFaults, labelValueFaults, qualifiedNameFaults, subdomainFaults } from '#lib/meta/names.ts';
import { checkLabels } from '../checks/metadata.ts';
import { checkLabelSelector, checkNodeSelectorTerm } from '../checks/selectors.ts';
import { between, grammar, oneOf, optionalOneOf } from '../checks/values.ts';
import type { Affinity, PodAffinityTerm, PodSpec, Toleration, TopologySpreadConstraint } from '../gen/core-v1.ts';

type Faults = FieldError[];

export function checkScheduling(path: string, spec: PodSpec): Faults {
  const faults = checkLabels(`${path}.nodeSelector`, spec.nodeSelector);
  if (spec.affinity) faults.push(...checkAffinity(`${path}.affinity`, spec.affinity));
  faults.push(...checkTolerations(`${path}.tolerations`, spec.tolerations));
  faults.push(...checkSpread(`${path}.topologySpreadConstraints`, spec.topologySpreadConstraints));
  if (spec.nodeName) faults.push(...grammar(`${path}.nodeName`, spec.nodeName, subdomainFaults));
  if (spec.priorityClassName) {
    faults.push(...grammar(`${path}.priorityClassName`, spec.priorityClassName, subdomainFaults));
  }
  for (const [i, { conditionType }] of (spec.readinessGates ?? []).entries()) {
    faults.push(...grammar(`${path}.readinessGates[${i}].conditionType`, conditionType, qualifiedNameFaults));
  }
  const gates = new Set<string>();
  for (const [i, { name }] of (spec.schedulingGates ?? []).entries()) {
    const at = `${path}.schedulingGates[${i}]`;
    faults.push(...grammar(at, name, qualifiedNameFaults));
    if (gates.has(name)) faults.push(duplicate(at, name));
    gates.add(name);
  }
  return faults;
}

function checkAffinity(path: string, affinity: Affinity): Faults {
  const { nodeAffinity, podAffinity, podAntiAffinity } = affinity;
  const faults: Faults = [];
  if (nodeAffinity) {
    const at = `${path}.nodeAffinity`;
    const need = nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution;
    if (need) {
      const terms = `${at}.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms`;
      if (need.nodeSelectorTerms.length === 0)
        faults.push(required(terms, 'must have at least one node selector term'));
      for (const [i, term] of need.nodeSelectorTerms.entries())
        faults.push(...checkNodeSelectorTerm(`${terms}[${i}]`, term));
    }
    for (const [i, wish] of (nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution ?? []).entries()) {
      const wished = `${at}.preferredDuringSchedulingIgnoredDuringExecution[${i}]`;
      faults.push(
        ...checkWeight(wished, wish.weight),
        ...checkNodeSelectorTerm(`${wished}.preference`, wish.preference),
      );
    }
  }
  for (const [name, rules] of [
    ['podAffinity', podAffinity],
    ['podAntiAffinity', podAntiAffinity],
  ] as const) {
    if (!rules) continue;
    for (const [i, term] of (rules.requiredDuringSchedulingIgnoredDuringExecution ?? []).entries()) {
      faults.push(...checkPodTerm(`${path}.${name}.requiredDuringSchedulingIgnoredDuringExecution[${i}]`, term));
    }
    for (const [i, wish] of (rules.preferredDuringSchedulingIgnoredDuringExecution ?? []).entries()) {
      const wished = `${path}.${name}.preferredDuringSchedulingIgnoredDuringExecution[${i}]`;
      faults.push(
        ...checkWeight(wished, wish.weight),
        ...checkPodTerm(`${wished}.podAffinityTerm`, wish.podAffinityTerm),
      );
    }
  }
  return faults;
}

function checkWeight(path: string, weight: number): Faults {
  return weight >= 1 && weight <= 100 ? [] : [invalid(`${path}.weight`, weight, 'must be in the range 1-100')];
}

function checkPodTerm(path: string, term: PodAffinityTerm): Faults {
  const faults: Faults = [];
  if (term.labelSelector) faults.push(...checkLabelSelector(`${path}.labelSelector`, term.labelSelector));
  if (term.namespaceSelector) faults.push(...checkLabelSelector(`${path}.namespaceSelector`, term.namespaceSelector));
  for (const name of term.namespaces ?? []) faults.push(...grammar(`${path}.namespace`, name, labelNameFaults));
  for (const field of ['matchLabelKeys', 'mismatchLabelKeys'] as const) {
    const keys = term[field] ?? [];
    if (keys.length > 0 && !term.labelSelector) {
      faults.push(fieldForbidden(`${path}.${field}`, 'must not be specified when labelSelector is not set'));
    }
    for (const [i, key] of keys.entries()) faults.push(...grammar(`${path}.${field}[${i}]`, key, qualifiedNameFaults));
  }
  if (!term.topologyKey) faults.push(required(`${path}.topologyKey`, 'can not be empty'));
  else faults.push(...grammar(`${path}.topologyKey`, term.topologyKey, qualifiedNameFaults));
  return faults;
}

/** Faults of tolerations, of pods and of runtime classes. */
export function checkTolerations(path: string, tolerations: readonly Toleration[] | undefined): Faults {
  return (tolerations ?? []).flatMap((toleration, i) => {
    const at = `${path}[${i}]`;
    const { key, operator = 'Equal', value = '', effect, tolerationSeconds } = toleration;
    const faults: Faults = [];
    if (key) faults.push(...grammar(`${at}.key`, key, qualifiedNameFaults));
    else if (operator !== 'Exists') {
      faults.push(
        invalid(
          `${at}.operator`,
          toleration.operator ?? '',
          'operator must be Exists when `key` is empty, which means "match all values and all keys"',
        ),
      );
    }
    if (tolerationSeconds !== undefined && effect !== 'NoExecute') {
      faults.push(invalid(`${at}.effect`, effect ?? '', "effect must be 'NoExecute' when `tolerationSeconds` is set"));
    }
    switch (operator || 'Equal') {
      case 'Equal':
        faults.push(...grammar(`${at}.operator`, value, labelValueFaults));
        break;
      case 'Exists':
        if (value)
          faults.push(invalid(`${at}.operator`, toleration, "value must be empty when `operator` is 'Exists'"));
        break;
      default:
        faults.push(notSupported(`${at}.operator`, operator, ['Equal', 'Exists']));
    }
    if (effect) faults.push(...oneOf(`${at}.effect`, effect, ['NoSchedule', 'PreferNoSchedule', 'NoExecute']));
    return faults;
  });
}

function checkSpread(path: string, constraints: readonly TopologySpreadConstraint[] | undefined): Faults {
  const seen = new Set<string>();
  return (constraints ?? []).flatMap((constraint, i) => {
    const at = `${path}[${i}]`;
    const { maxSkew, topologyKey, whenUnsatisfiable, minDomains, labelSelector } = constraint;
    const faults: Faults = [];
    if (maxSkew <= 0) faults.push(invalid(`${at}.maxSkew`, maxSkew, 'must be greater than zero'));
    if (!topologyKey) faults.push(required(`${at}.topologyKey`, 'can not be empty'));
    else faults.push(...grammar(`${at}.topologyKey`, topologyKey, qualifiedNameFaults));
    faults.push(...oneOf(`${at}.whenUnsatisfiable`, whenUnsatisfiable, ['DoNotSchedule', 'ScheduleAnyway']));
    const key = `{${topologyKey}, ${whenUnsatisfiable}}`;
    if (seen.has(key)) faults.push(duplicate(`${at}.{topologyKey, whenUnsatisfiable}`, key));
    seen.add(key);
    if (minDomains !== undefined) {
      if (minDomains <= 0) faults.push(invalid(`${at}.minDomains`, minDomains, 'must be greater than zero'));
      if (whenUnsatisfiable !== 'DoNotSchedule') {
        faults.push(
          invalid(
            `${at}.minDomains`,
            minDomains,
            `can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ${whenUnsatisfiable}`,
          ),
        );
      }
    }
    faults.push(...optionalOneOf(`${at}.nodeAffinityPolicy`, constraint.nodeAffinityPolicy, ['Ignore', 'Honor']));
    faults.push(...optionalOneOf(`${at}.nodeTaintsPolicy`, constraint.nodeTaintsPolicy, ['Ignore', 'Honor']));
    if (labelSelector) faults.push(...checkLabelSelector(`${at}.labelSelector`, labelSelector));
    for (const [j, labelKey] of (constraint.matchLabelKeys ?? []).entries()) {
      faults.push(...grammar(`${at}.matchLabelKeys[${j}]`, labelKey, qualifiedNameFaults));
    }
    return faults;
  });
}

/** Faults of a deadline in seconds. */
export function checkDeadline(path: string, seconds: number | undefined): Faults {
  return seconds === undefined ? [] : between(path, seconds, 1, 2147483647);
}
