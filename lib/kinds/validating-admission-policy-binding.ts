import { duplicate, fieldForbidden, invalid, required, type FieldError } from '#lib/meta/errors.ts';
import { goList } from '#lib/meta/go-text.ts';
import { pathSegmentFaults, subdomainFaults } from '#lib/meta/names.ts';
import { checkMatchResources } from './checks/admission-rules.ts';
import { checkLabelSelector } from './checks/selectors.ts';
import { grammar, oneOf, optionalOneOf } from './checks/values.ts';
import { ageColumn, nameColumn, text, unset } from './columns.ts';
import { defineKind } from './define-kind.ts';
import type {
  ParamRef,
  ValidatingAdmissionPolicyBinding,
  ValidatingAdmissionPolicyBindingSpec,
} from './gen/admissionregistration-v1.ts';

export const validatingAdmissionPolicyBinding = defineKind<ValidatingAdmissionPolicyBinding>({
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  kind: 'ValidatingAdmissionPolicyBinding',
  description: 'Puts a ValidatingAdmissionPolicy into force for some objects.',
  plural: 'validatingadmissionpolicybindings',
  categories: ['api-extensions'],
  namespaced: false,
  namesVersion: true,
  schema: 'io.k8s.api.admissionregistration.v1.ValidatingAdmissionPolicyBinding',
  generation: true,
  defaults: ({ spec }) => {
    if (!spec.matchResources) return;
    spec.matchResources.matchPolicy ??= 'Equivalent';
    spec.matchResources.namespaceSelector ??= {};
    spec.matchResources.objectSelector ??= {};
    for (const rule of spec.matchResources.resourceRules ?? []) rule.scope ??= '*';
  },
  check: ({ spec }) => checkSpec(spec),
  columns: [
    nameColumn,
    text('PolicyName', ({ spec }) => spec.policyName ?? ''),
    text('ParamRef', ({ spec: { paramRef } }) => {
      if (!paramRef) return unset;
      if (paramRef.selector) return '*';
      return paramRef.namespace ? `${paramRef.namespace}/${paramRef.name ?? ''}` : (paramRef.name ?? '');
    }),
    ageColumn,
  ],
});

function checkSpec(spec: ValidatingAdmissionPolicyBindingSpec): FieldError[] {
  const { policyName, paramRef, matchResources, validationActions } = spec;
  return [
    ...(policyName ? grammar('spec.policyName', policyName, subdomainFaults) : [required('spec.policyName')]),
    ...(paramRef ? checkParamRef('spec.paramRef', paramRef) : []),
    // Upstream's path lacks a letter.
    ...(matchResources ? checkMatchResources('spec.matchResouces', matchResources) : []),
    ...checkActions('spec.validationActions', validationActions),
  ];
}

function checkParamRef(path: string, { name = '', selector, parameterNotFoundAction: action }: ParamRef): FieldError[] {
  const both = 'name and selector are mutually exclusive';
  const faults: FieldError[] = name ? grammar(`${path}.name`, name, pathSegmentFaults) : [];
  if (name && selector) faults.push(fieldForbidden(`${path}.name`, both));
  if (selector) faults.push(...checkLabelSelector(`${path}.selector`, selector));
  if (name && selector) faults.push(fieldForbidden(`${path}.selector`, both));
  if (!name && !selector) faults.push(required(path, 'one of name or selector must be specified'));
  return [...faults, ...oneOf(`${path}.parameterNotFoundAction`, action, ['Deny', 'Allow'])];
}

function checkActions(path: string, actions: readonly string[] = []): FieldError[] {
  const faults = actions.flatMap((action, i) => [
    ...optionalOneOf(`${path}[${i}]`, action, ['Audit', 'Deny', 'Warn']),
    ...(actions.indexOf(action) < i ? [duplicate(`${path}[${i}]`, action)] : []),
  ]);
  if (actions.includes('Deny') && actions.includes('Warn')) {
    const why = 'repeating the same validation failure information in the API response and headers serves no purpose';
    const shown = goList('admissionregistration.ValidationAction', actions);
    faults.push(invalid(path, shown, `must not contain both Deny and Warn (${why})`));
  }
  return actions.length === 0 ? [required(path, 'at least one validation action is required')] : faults;
}
