/** ValidatingAdmissionPolicies: what their bindings make of a request that is about to be stored. */
import { OutOfTime, runWithin } from '#lib/cel/expression.ts';
import type { Catalog } from '#lib/kinds/catalog.ts';
import type { Kind } from '#lib/kinds/define-kind.ts';
import type {
  MatchResources,
  ParamRef,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
} from '#lib/kinds/gen/admissionregistration-v1.ts';
import { namespace as namespaceKind } from '#lib/kinds/namespace.ts';
import { validatingAdmissionPolicyBinding as bindingKind } from '#lib/kinds/validating-admission-policy-binding.ts';
import { validatingAdmissionPolicy as policyKind } from '#lib/kinds/validating-admission-policy.ts';
import { ApiError, forbidden, reasons } from '#lib/meta/errors.ts';
import type { Reason } from '#lib/meta/errors.ts';
import type { Resource } from '#lib/meta/object.ts';
import { selects } from '#lib/meta/selectors.ts';
import type { AdmissionRequest, Lookup } from '../admission/types.ts';
import type { Authorizer } from '../auth/authorize.ts';
import type { World } from '../store/world-types.ts';
import { prefixOf } from '../verbs/selection.ts';
import { isSelected, mayBeAsked } from '../webhooks/match.ts';
import { reviewOf } from '../webhooks/review.ts';
import { asCel, variablesOf } from '../webhooks/variables.ts';
import { judge } from './judge.ts';
import type { Finding } from './judge.ts';

/** All policies together; far more than they take, unless they are made to. */
const limitMs = 2000;

interface PolicyParts {
  world: World;
  look: Lookup;
  catalog: Pick<Catalog, 'of'>;
  authorize: Authorizer;
}

/** Judges a request by all policies. Throws the refusal of the first that denies it. */
export type Policies = (request: AdmissionRequest) => void;

export function makePolicies({ world, look, catalog, authorize }: PolicyParts): Policies {
  const prefix = prefixOf(bindingKind, '');
  return (request) => {
    if (world.count(prefix) === 0 || !mayBeAsked(request)) return;
    try {
      runWithin(limitMs, () => judgeAll(request, look, catalog, authorize));
    } catch (error) {
      if (!(error instanceof OutOfTime)) throw error;
      throw forbidden(request.kind, request.name, 'validation failed due to running out of cost budget');
    }
  };
}

function judgeAll(request: AdmissionRequest, look: Lookup, catalog: Pick<Catalog, 'of'>, authorize: Authorizer): void {
  let shared: object | undefined;
  const given = () => (shared ??= sharedVariables(request, look, authorize));
  for (const binding of look.list(bindingKind, '')) {
    const policy = look.get(policyKind, { namespace: '', name: binding.spec?.policyName ?? '' });
    if (!policy || !isFor(policy.spec.matchConstraints, request, look)) continue;
    if (binding.spec?.matchResources && !isFor(binding.spec.matchResources, request, look)) continue;
    for (const params of paramsOf(policy, binding, request, look, catalog)) {
      const { findings, annotations } = judge(policy, { ...given(), params: asCel(params) });
      for (const [key, value] of annotations) request.annotate?.(`${policy.metadata.name}/${key}`, value);
      enforce(policy, binding, request, findings);
    }
  }
}

function isFor(match: MatchResources | undefined, request: AdmissionRequest, look: Lookup): boolean {
  const { resourceRules, excludeResourceRules: excluded, namespaceSelector, objectSelector } = match ?? {};
  const everything = [{ apiGroups: ['*'], apiVersions: ['*'], operations: ['*' as const], resources: ['*/*'] }];
  // A binding without rules narrows by selectors alone.
  const rules = resourceRules?.length ? resourceRules : everything;
  return isSelected({ rules, excluded, namespaceSelector, objectSelector }, request, look);
}

function sharedVariables(request: AdmissionRequest, look: Lookup, authorize: Authorizer): object {
  const { namespace } = request;
  const object = namespace ? look.get(namespaceKind, { namespace: '', name: namespace }) : undefined;
  const variables = variablesOf(request, authorize, () => reviewOf(request, '', 'v1'));
  return { ...variables, namespaceObject: asCel(object ?? null) };
}

/** Once for each object that holds parameters; once with null where a policy takes none. */
function paramsOf(
  { metadata, spec }: ValidatingAdmissionPolicy,
  binding: ValidatingAdmissionPolicyBinding,
  request: AdmissionRequest,
  look: Lookup,
  catalog: Pick<Catalog, 'of'>,
): (Resource | null)[] {
  const { paramKind } = spec;
  const { paramRef } = binding.spec ?? {};
  if (!paramKind || !paramRef) return [null];
  const kind = catalog.of(paramKind.apiVersion ?? '', paramKind.kind ?? '');
  const refuse = (because: string) =>
    forbidden(
      request.kind,
      request.name,
      `ValidatingAdmissionPolicy '${metadata.name}' with binding '${binding.metadata.name}' denied request: ${because}`,
    );
  if (!kind)
    throw refuse(
      `failed to configure policy: failed to find resource referenced by paramKind: '${paramKind.apiVersion}, Kind=${paramKind.kind}'`,
    );
  const found = objectsOf(kind, paramRef, request, look);
  if (found.length === 0 && paramRef.parameterNotFoundAction !== 'Allow') {
    throw refuse('failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction');
  }
  return found;
}

function objectsOf(
  kind: Kind,
  { name, namespace, selector }: ParamRef,
  request: AdmissionRequest,
  look: Lookup,
): Resource[] {
  const space = kind.namespaced ? namespace || request.namespace : '';
  if (name) {
    const found = look.get(kind, { namespace: space, name });
    return found ? [found] : [];
  }
  return [...look.list(kind, space)].filter(({ metadata }) => selects(selector ?? {}, metadata.labels ?? {}));
}

function enforce(
  { metadata }: ValidatingAdmissionPolicy,
  binding: ValidatingAdmissionPolicyBinding,
  request: AdmissionRequest,
  findings: readonly Finding[],
): void {
  const names = `ValidatingAdmissionPolicy '${metadata.name}' with binding '${binding.metadata.name}'`;
  const actions = binding.spec?.validationActions ?? [];
  for (const { message } of findings) {
    if (actions.includes('Warn')) request.warn(`Validation failed for ${names}: ${message}`);
  }
  if (findings.length > 0 && actions.includes('Audit')) {
    const told = findings.map(({ message }, expressionIndex) => ({
      message,
      policy: metadata.name,
      binding: binding.metadata.name,
      expressionIndex,
      validationActions: actions,
    }));
    request.annotate?.('validation.policy.admission.k8s.io/validation_failure', JSON.stringify(told));
  }
  const [first] = findings;
  if (first && actions.includes('Deny'))
    throw denial(request, `${names} denied request: ${first.message}`, first.reason);
}

function denial({ kind, name }: AdmissionRequest, because: string, reason = 'Invalid'): ApiError {
  const { message, details } = forbidden(kind, name, because);
  const known = (reason in reasons ? reason : 'Invalid') as Reason;
  return new ApiError(known, message, { ...details, causes: [{ reason: '', message: because }] });
}
