/** Faults of what a pod says about where it may run. */
import { duplicate, fieldForbidden, invalid, notSupported, required, type FieldError } from '#lib/meta/errors.ts';
import { labelNameFaults, labelValueFaults, qualifiedNameFaults } from '#lib/meta/names.ts';
import { goStruct } from '../checks/go-value.ts';
import { checkLabelSelector, checkNodeSelector, checkNodeSelectorTerm } from '../checks/selectors.ts';
import { grammar, oneOf, optionalOneOf } from '../checks/values.ts';
import type { Affinity, PodAffinityTerm, PodSpec, Toleration, TopologySpreadConstraint } from '../gen/core-v1.ts';

type Faults = FieldError[];

/** Conditions that must hold besides readiness. */
export function checkReadinessGates(path: string, { readinessGates }: PodSpec): Faults {
  return (readinessGates ?? []).flatMap(({ conditionType }, i) =>
    grammar(`${path}[${i}].conditionType`, conditionType, qualifiedNameFaults),
  );
}

/** What must happen before the pod may be placed. */
export function checkSchedulingGates(path: string, { schedulingGates }: PodSpec): Faults {
  const gates = new Set<string>();
  return (schedulingGates ?? []).flatMap(({ name }, i) => {
    const faults = grammar(`${path}[${i}]`, name, qualifiedNameFaults);
    if (gates.has(name)) faults.push(duplicate(`${path}[${i}]`, name));
    gates.add(name);
    return faults;
  });
}

export function checkAffinity(path: string, affinity: Affinity | undefined): Faults {
  if (!affinity) return [];
  const { nodeAffinity, podAffinity, podAntiAffinity } = affinity;
  const faults: Faults = [];
  if (nodeAffinity) {
    const at = `${path}.nodeAffinity`;
    const need = nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution;
    if (need) faults.push(...checkNodeSelector(`${at}.requiredDuringSchedulingIgnoredDuringExecution`, need));
    for (const [i, wish] of (nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution ?? []).entries()) {
      const wished = `${at}.preferredDuringSchedulingIgnoredDuringExecution[${i}]`;
      faults.push(...checkWeight(wished, wish.weight));
      faults.push(...checkNodeSelectorTerm(`${wished}.preference`, wish.preference, false));
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
  faults.push(...checkLabelKeys(path, term));
  if (!term.topologyKey) faults.push(required(`${path}.topologyKey`, 'can not be empty'));
  return [...faults, ...grammar(`${path}.topologyKey`, term.topologyKey, qualifiedNameFaults)];
}

/** Keys whose values in the pod itself complete a selector: there is one to complete, and it does not say them already. */
function checkLabelKeys(path: string, term: PodAffinityTerm): Faults {
  const { labelSelector, matchLabelKeys: same = [], mismatchLabelKeys: other = [] } = term;
  if (same.length === 0 && other.length === 0) return [];
  const faults: Faults = [];
  for (const [field, keys] of Object.entries({ matchLabelKeys: same, mismatchLabelKeys: other })) {
    const at = `${path}.${field}`;
    if (keys.length > 0 && !labelSelector) {
      faults.push(fieldForbidden(at, 'must not be specified when labelSelector is not set'));
    } else for (const [i, key] of keys.entries()) faults.push(...grammar(`${at}[${i}]`, key, qualifiedNameFaults));
  }
  const said = new Set(Object.keys(labelSelector?.matchLabels ?? {}));
  const [ofSame, ofOther] = [new Set(same), new Set(other)];
  for (const { key } of labelSelector?.matchExpressions ?? []) {
    // The server has already added one expression for each of these keys.
    if (said.has(key) && ofSame.has(key)) {
      const i = same.lastIndexOf(key);
      faults.push(invalid(`${path}[${i}]`, key, 'exists in both matchLabelKeys and labelSelector'));
    }
    said.add(key);
  }
  for (const [i, key] of same.entries()) {
    if (!ofOther.has(key)) continue;
    faults.push(invalid(`${path}.matchLabelKeys[${i}]`, key, 'exists in both matchLabelKeys and mismatchLabelKeys'));
  }
  return faults;
}

/** Faults of tolerations, of pods and of runtime classes. */
export function checkTolerations(path: string, tolerations: readonly Toleration[] | undefined): Faults {
  return (tolerations ?? []).flatMap((toleration, i) => {
    const at = `${path}[${i}]`;
    const { key, operator = '', value = '', effect = '', tolerationSeconds } = toleration;
    const faults: Faults = [];
    if (key) faults.push(...grammar(`${at}.key`, key, qualifiedNameFaults));
    else if (operator !== 'Exists') {
      const detail = 'operator must be Exists when `key` is empty, which means "match all values and all keys"';
      faults.push(invalid(`${at}.operator`, operator, detail));
    }
    if (tolerationSeconds !== undefined && effect !== 'NoExecute') {
      faults.push(invalid(`${at}.effect`, effect, "effect must be 'NoExecute' when `tolerationSeconds` is set"));
    }
    if (operator === 'Equal' || operator === '') {
      const bad = labelValueFaults(value);
      if (bad.length > 0) faults.push(invalid(`${at}.operator`, value, bad.join(';')));
    } else if (operator !== 'Exists') faults.push(notSupported(`${at}.operator`, operator, ['Equal', 'Exists']));
    else if (value) {
      const shown = goStruct('io.k8s.api.core.v1.Toleration', toleration);
      faults.push(invalid(`${at}.operator`, shown, "value must be empty when `operator` is 'Exists'"));
    }
    if (effect) faults.push(...checkTaintEffect(`${at}.effect`, effect));
    return faults;
  });
}

/** What a taint does to pods that do not tolerate it. */
export function checkTaintEffect(path: string, effect: string): Faults {
  return oneOf(path, effect, ['NoSchedule', 'PreferNoSchedule', 'NoExecute']);
}

/** How evenly pods are to be spread. */
export function checkSpread(path: string, constraints: readonly TopologySpreadConstraint[] | undefined): Faults {
  return (constraints ?? []).flatMap((constraint, i) => {
    const at = `${path}[${i}]`;
    const { maxSkew, topologyKey, whenUnsatisfiable, minDomains, labelSelector } = constraint;
    const faults: Faults = [];
    if (maxSkew <= 0) faults.push(invalid(`${at}.maxSkew`, maxSkew, 'must be greater than zero'));
    if (!topologyKey) faults.push(required(`${at}.topologyKey`, 'can not be empty'));
    const actions = ['DoNotSchedule', 'ScheduleAnyway'];
    if (!actions.includes(whenUnsatisfiable)) {
      faults.push(notSupported(`${at}.whenUnsatisfiable`, whenUnsatisfiable, actions));
    }
    const isRepeated = constraints!
      .slice(i + 1)
      .some((other) => other.topologyKey === topologyKey && other.whenUnsatisfiable === whenUnsatisfiable);
    if (isRepeated) {
      faults.push(duplicate(`${at}.{topologyKey, whenUnsatisfiable}`, `{${topologyKey}, ${whenUnsatisfiable}}`));
    }
    if (minDomains !== undefined) {
      if (minDomains <= 0) faults.push(invalid(`${at}.minDomains`, minDomains, 'must be greater than zero'));
      if (whenUnsatisfiable !== 'DoNotSchedule') {
        const detail = `can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ${whenUnsatisfiable}`;
        faults.push(invalid(`${at}.minDomains`, minDomains, detail));
      }
    }
    faults.push(...optionalOneOf(`${at}.nodeAffinityPolicy`, constraint.nodeAffinityPolicy, ['Honor', 'Ignore']));
    faults.push(...optionalOneOf(`${at}.nodeTaintsPolicy`, constraint.nodeTaintsPolicy, ['Honor', 'Ignore']));
    faults.push(...checkSpreadKeys(`${at}.matchLabelKeys`, constraint));
    if (labelSelector) faults.push(...checkLabelSelector(`${at}.labelSelector`, labelSelector));
    return faults;
  });
}

function checkSpreadKeys(path: string, { matchLabelKeys, labelSelector }: TopologySpreadConstraint): Faults {
  if (!matchLabelKeys?.length) return [];
  const { matchLabels = {}, matchExpressions = [] } = labelSelector ?? {};
  const said = new Set([...Object.keys(matchLabels), ...matchExpressions.map(({ key }) => key)]);
  return [
    ...(labelSelector ? [] : [fieldForbidden(path, 'must not be specified when labelSelector is not set')]),
    ...matchLabelKeys.flatMap((key, i) => [
      ...grammar(`${path}[${i}]`, key, qualifiedNameFaults),
      ...(said.has(key) ? [invalid(`${path}[${i}]`, key, 'exists in both matchLabelKeys and labelSelector')] : []),
    ]),
  ];
}
