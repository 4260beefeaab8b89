import { required, type FieldError } from '#lib/meta/errors.ts';
import { oneOf } from './checks/values.ts';
import { ageColumn, integer, nameColumn, text, unset } from './columns.ts';
import { defineKind } from './define-kind.ts';
import type { ValidatingAdmissionPolicy, ValidatingAdmissionPolicySpec } from './gen/admissionregistration-v1.ts';

export const validatingAdmissionPolicy = defineKind<ValidatingAdmissionPolicy>({
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  kind: 'ValidatingAdmissionPolicy',
  description: 'Rules, as expressions, that objects must obey when they are written.',
  plural: 'validatingadmissionpolicies',
  categories: ['api-extensions'],
  namespaced: false,
  namesVersion: true,
  schema: 'io.k8s.api.admissionregistration.v1.ValidatingAdmissionPolicy',
  status: true,
  statusKeepsMetadata: true,
  generation: true,
  defaults: ({ spec }) => {
    spec.failurePolicy ??= 'Fail';
    if (!spec.matchConstraints) return;
    spec.matchConstraints.matchPolicy ??= 'Equivalent';
    spec.matchConstraints.namespaceSelector ??= {};
    spec.matchConstraints.objectSelector ??= {};
    for (const rule of spec.matchConstraints.resourceRules ?? []) rule.scope ??= '*';
  },
  check: ({ spec }) => checkSpec(spec),
  columns: [
    nameColumn,
    integer('Validations', ({ spec }) => spec.validations?.length ?? 0),
    text('ParamKind', ({ spec: { paramKind } }) => (paramKind ? `${paramKind.apiVersion}/${paramKind.kind}` : unset)),
    ageColumn,
  ],
});

function checkSpec(spec: ValidatingAdmissionPolicySpec): FieldError[] {
  const faults: FieldError[] = oneOf('spec.failurePolicy', spec.failurePolicy, ['Fail', 'Ignore']);
  if (!spec.matchConstraints) faults.push(required('spec.matchConstraints'));
  else if (!spec.matchConstraints.resourceRules?.length) faults.push(required('spec.matchConstraints.resourceRules'));
  if (!spec.validations?.length && !spec.auditAnnotations?.length) {
    faults.push(required('spec.validations', 'validations or auditAnnotations must be non-empty'));
  }
  for (const [i, { expression }] of (spec.validations ?? []).entries()) {
    if (!expression?.trim()) faults.push(required(`spec.validations[${i}].expression`, 'expression is not specified'));
  }
  return faults;
}
