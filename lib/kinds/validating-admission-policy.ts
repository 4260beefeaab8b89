import { duplicate, invalid, required, type FieldError } from '#lib/meta/errors.ts';
import { dns1035Faults, qualifiedNameFaults, subdomainFaults } from '#lib/meta/names.ts';
import { checkMatchConditions, checkMatchResources } from './checks/admission-rules.ts';
import { checkConditions } from './checks/conditions.ts';
import { checkExpression, compilePolicy } from './checks/expressions.ts';
import { goStructs } from './checks/go-value.ts';
import { grammar, needed, optionalOneOf } from './checks/values.ts';
import { ageColumn, integer, nameColumn, text, unset } from './columns.ts';
import { defineKind } from './define-kind.ts';
import type {
  AuditAnnotation,
  ParamKind,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicySpec,
  Validation,
  Variable,
} from './gen/admissionregistration-v1.ts';

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
  check: ({ metadata, spec }) => checkSpec(spec, metadata.name),
  checkStatus,
  columns: [
    nameColumn,
    integer('Validations', ({ spec }) => spec.validations?.length ?? 0),
    text('ParamKind', ({ spec: { paramKind } }) => (paramKind ? `${paramKind.apiVersion}/${paramKind.kind}` : unset)),
    ageColumn,
  ],
});

function checkSpec(spec: ValidatingAdmissionPolicySpec, name: string): FieldError[] {
  const { failurePolicy, paramKind, matchConstraints, validations = [], auditAnnotations = [] } = spec;
  const faults: FieldError[] = [
    ...(failurePolicy === undefined
      ? [required('spec.failurePolicy')]
      : optionalOneOf('spec.failurePolicy', failurePolicy, ['Fail', 'Ignore'])),
    ...(paramKind ? checkParamKind('spec.paramKind', paramKind) : []),
  ];
  if (!matchConstraints) faults.push(required('spec.matchConstraints'));
  else {
    faults.push(...checkMatchResources('spec.matchConstraints', matchConstraints));
    if (!matchConstraints.resourceRules?.length) faults.push(required('spec.matchConstraints.resourceRules'));
  }
  faults.push(...checkMatchConditions('spec.matchConditions', spec.matchConditions));
  for (const [i, variable] of (spec.variables ?? []).entries()) {
    faults.push(...checkVariable(`spec.variables[${i}]`, variable));
  }
  if (validations.length === 0 && auditAnnotations.length === 0) {
    const one = 'validations or auditAnnotations must contain at least one item';
    return [...faults, required('spec.validations', one), required('spec.auditAnnotations', one)];
  }
  return [
    ...faults,
    ...validations.flatMap((validation, i) => checkValidation(`spec.validations[${i}]`, validation)),
    ...checkAnnotations('spec.auditAnnotations', auditAnnotations, name),
  ];
}

/** The kind of the objects that hold a policy's parameters. */
function checkParamKind(path: string, { apiVersion = '', kind = '' }: ParamKind): FieldError[] {
  const at = `${path}.apiVersion`;
  const faults: FieldError[] = [];
  const parts = apiVersion.split('/');
  const [group = '', version = ''] = parts.length === 1 ? ['', apiVersion] : parts;
  if (!apiVersion) faults.push(required(at));
  else if (parts.length > 2) faults.push(invalid(at, apiVersion, `unexpected GroupVersion string: ${apiVersion}`));
  else {
    const groupFaults = group ? subdomainFaults(group) : [];
    if (groupFaults.length > 0) faults.push(invalid(at, group, groupFaults.join(',')));
    const versionFaults = dns1035Faults(version);
    if (!version) faults.push(invalid(at, apiVersion, 'version must be specified'));
    else if (versionFaults.length > 0) faults.push(invalid(at, version, versionFaults.join(',')));
  }
  if (!kind) return [...faults, required(`${path}.kind`)];
  const kindFaults = dns1035Faults(kind.toLowerCase());
  if (kindFaults.length === 0) return faults;
  const detail = `may have mixed case, but should otherwise match: ${kindFaults.join(',')}`;
  return [...faults, invalid(`${path}.kind`, kind, detail)];
}

const reserved =
  /^(true|false|null|in|as|break|const|continue|else|for|function|if|import|let|loop|package|namespace|return|var|void|while)$/;

function checkVariable(path: string, { name, expression }: Variable): FieldError[] {
  const faults = needed(`${path}.name`, name.trim(), 'name is not specified');
  if (name.trim() && (!/^[_a-zA-Z][_a-zA-Z0-9]*$/.test(name) || reserved.test(name))) {
    faults.push(invalid(`${path}.name`, name, 'name is not a valid CEL identifier'));
  }
  return [
    ...faults,
    ...needed(`${path}.expression`, expression.trim(), 'expression is not specified'),
    ...checkExpression(`${path}.expression`, expression, compilePolicy),
  ];
}

const reasons = ['Forbidden', 'Invalid', 'RequestEntityTooLarge'];

function checkValidation(path: string, validation: Validation): FieldError[] {
  const { expression, message = '', messageExpression = '', reason } = validation;
  const faults = [
    ...needed(`${path}.expression`, expression.trim(), 'expression is not specified'),
    ...checkExpression(`${path}.expression`, expression, compilePolicy, 'bool'),
    ...checkExpression(`${path}.messageExpression`, messageExpression, compilePolicy, 'string'),
  ];
  if (messageExpression && !messageExpression.trim()) {
    faults.push(invalid(`${path}.messageExpression`, messageExpression, 'must be non-empty if specified'));
  }
  const at = `${path}.message`;
  if (message && !message.trim()) faults.push(invalid(at, message, 'message must be non-empty if specified'));
  else if (/[\n\r]/.test(message.trim())) faults.push(invalid(at, message, 'message must not contain line breaks'));
  return [...faults, ...optionalOneOf(`${path}.reason`, reason, reasons)];
}

const maxAnnotations = 20;
const maxExpressionBytes = 5 * 1024;

function checkAnnotations(path: string, annotations: readonly AuditAnnotation[], name: string): FieldError[] {
  const keys = new Set<string>();
  const shown = goStructs('io.k8s.api.admissionregistration.v1.AuditAnnotation', annotations);
  return [
    ...(annotations.length > maxAnnotations
      ? [invalid(path, shown, `must not have more than ${maxAnnotations} auditAnnotations`)]
      : []),
    ...annotations.flatMap(({ key, valueExpression }, i) => {
      const at = `${path}[${i}]`;
      const isTwice = keys.has(key);
      keys.add(key);
      const expression = valueExpression.trim();
      const tooLong = new TextEncoder().encode(expression).length > maxExpressionBytes;
      return [
        ...grammar(`${at}.key`, `${name}/${key}`, qualifiedNameFaults),
        ...needed(`${at}.valueExpression`, expression, 'valueExpression is not specified'),
        ...(tooLong
          ? [required(`${at}.valueExpression`, `must not exceed ${maxExpressionBytes} bytes in length`)]
          : []),
        ...(isTwice ? [duplicate(`${at}.key`, key)] : []),
      ];
    }),
  ];
}

function checkStatus({ status }: ValidatingAdmissionPolicy): FieldError[] {
  return [
    ...(status?.typeChecking?.expressionWarnings ?? []).flatMap(({ warning, fieldRef }, i) => {
      const at = `status.typeChecking.expressionWarnings[${i}]`;
      return [...needed(`${at}.warning`, warning), ...needed(`${at}.fieldRef`, fieldRef.trim())];
    }),
    ...checkConditions('status.conditions', status?.conditions),
  ];
}
