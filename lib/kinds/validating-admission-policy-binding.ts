import { required, type FieldError } from '#lib/meta/errors.ts';
import { oneOf } from './checks/values.ts';
import { ageColumn, nameColumn, text, unset } from './columns.ts';
import { defineKind } from './define-kind.ts';
import type {
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
  const faults: FieldError[] = [];
  if (!spec.policyName) faults.push(required('spec.policyName'));
  if (!spec.validationActions?.length)
    faults.push(required('spec.validationActions', 'at least one validation action is required'));
  for (const [i, action] of (spec.validationActions ?? []).entries()) {
    faults.push(...oneOf(`spec.validationActions[${i}]`, action, ['Deny', 'Warn', 'Audit']));
  }
  return faults;
}
