/** Reviews: who am I, whose token is this, may one do that. */
import type { Kind } from '#lib/kinds/define-kind.ts';
import type { SelfSubjectReview, TokenReview, UserInfo } from '#lib/kinds/gen/authentication-v1.ts';
import type {
  LocalSubjectAccessReview,
  ResourceAttributes,
  SelfSubjectAccessReview,
  SelfSubjectRulesReview,
  SubjectAccessReview,
} from '#lib/kinds/gen/authorization-v1.ts';
import type { FieldSelectorRequirement } from '#lib/kinds/gen/meta-v1.ts';
import { localSubjectAccessReview } from '#lib/kinds/local-subject-access-review.ts';
import { selfSubjectAccessReview } from '#lib/kinds/self-subject-access-review.ts';
import { selfSubjectReview } from '#lib/kinds/self-subject-review.ts';
import { selfSubjectRulesReview } from '#lib/kinds/self-subject-rules-review.ts';
import { subjectAccessReview } from '#lib/kinds/subject-access-review.ts';
import { tokenReview } from '#lib/kinds/token-review.ts';
import { badRequest, invalid, invalidObject } from '#lib/meta/errors.ts';
import type { Caller } from '../verbs/types.ts';
import type { Answerer } from '../verbs/verbs.ts';
import { callerOfToken } from './authenticate.ts';
import type { TokenReader } from './authenticate.ts';
import { authenticatedGroup } from './authorize.ts';
import type { Attempt, Authorizer, PathAttempt } from './authorize.ts';
import type { KnownRules } from './authorizer.ts';
import type { ServiceAccountTokens } from './service-account-tokens.ts';

/** The answerers of all review kinds. `rulesFor` tells what is known of a caller's rules in a namespace. */
export function makeReviews(
  authorize: Authorizer,
  rulesFor: (caller: Caller, namespace: string) => KnownRules,
  readers: readonly TokenReader[],
  tokens: ServiceAccountTokens,
): ReadonlyMap<Kind, Answerer> {
  const decide = (caller: Caller, spec: Spec) => {
    const { allowed, reason } = authorize(caller, attemptOf(spec));
    return { allowed, ...(reason && { reason }) };
  };
  const answers = new Map<unknown, (caller: Caller, namespace: string, object: never) => Promise<object>>([
    [
      selfSubjectReview,
      async (caller, _namespace, review: SelfSubjectReview) => ({ ...review, status: { userInfo: userOf(caller) } }),
    ],
    [
      tokenReview,
      async (_caller, _namespace, review: TokenReview) => ({
        ...review,
        status: await reviewToken(review, readers, tokens),
      }),
    ],
    [
      subjectAccessReview,
      async (_caller, _namespace, review: SubjectAccessReview) => {
        checkSpec('SubjectAccessReview', review.spec);
        checkSubject('SubjectAccessReview', review.spec);
        return { ...review, status: decide(subjectOf(review.spec), review.spec) };
      },
    ],
    [
      localSubjectAccessReview,
      async (_caller, namespace, review: LocalSubjectAccessReview) => {
        checkSpec('LocalSubjectAccessReview', review.spec);
        checkSubject('LocalSubjectAccessReview', review.spec);
        if (review.spec.nonResourceAttributes) {
          throw invalidObject({ group: 'authorization.k8s.io', kind: 'LocalSubjectAccessReview' }, '', [
            invalid(
              'spec.nonResourceAttributes',
              review.spec.nonResourceAttributes,
              'disallowed on this kind of request',
            ),
          ]);
        }
        if ((review.spec.resourceAttributes?.namespace ?? '') !== namespace) {
          throw invalidObject({ group: 'authorization.k8s.io', kind: 'LocalSubjectAccessReview' }, '', [
            invalid(
              'spec.resourceAttributes.namespace',
              review.spec.resourceAttributes?.namespace ?? '',
              'must match metadata.namespace',
            ),
          ]);
        }
        return { ...review, status: decide(subjectOf(review.spec), review.spec) };
      },
    ],
    [
      selfSubjectAccessReview,
      async (caller, _namespace, review: SelfSubjectAccessReview) => {
        checkSpec('SelfSubjectAccessReview', review.spec);
        return { ...review, status: decide(caller, review.spec) };
      },
    ],
    [
      selfSubjectRulesReview,
      async (caller, _namespace, review: SelfSubjectRulesReview) => {
        if (!review.spec.namespace) throw badRequest('no namespace on request');
        return { ...review, status: rulesStatus(rulesFor(caller, review.spec.namespace)) };
      },
    ],
  ]);
  return answers as unknown as ReadonlyMap<Kind, Answerer>;
}

interface Spec {
  resourceAttributes?: ResourceAttributes | undefined;
  nonResourceAttributes?: { path?: string | undefined; verb?: string | undefined } | undefined;
}

function attemptOf({ resourceAttributes, nonResourceAttributes }: Spec): Attempt | PathAttempt {
  if (nonResourceAttributes) return { verb: nonResourceAttributes.verb ?? '', path: nonResourceAttributes.path ?? '' };
  const {
    verb = '',
    group = '',
    resource = '',
    subresource = '',
    namespace = '',
    name = '',
    fieldSelector,
  } = resourceAttributes ?? {};
  const selector = fieldSelector?.rawSelector || requirementsText(fieldSelector?.requirements);
  const attempt = { verb, group, plural: resource, subresource, namespace, name };
  return selector ? { ...attempt, fieldSelector: selector } : attempt;
}

/** Requirements for single values as a selector's text; others narrow nothing that we judge by. */
function requirementsText(requirements: readonly FieldSelectorRequirement[] | undefined): string {
  return (requirements ?? [])
    .filter(({ operator, values }) => operator === 'In' && values?.length === 1)
    .map(({ key, values }) => `${key}=${values![0]}`)
    .join(',');
}

function rulesStatus({ rules, incompleteBecause }: KnownRules): NonNullable<SelfSubjectRulesReview['status']> {
  return {
    resourceRules: rules.flatMap(({ verbs, apiGroups, resources, resourceNames }) =>
      resources?.length ? [{ verbs, apiGroups, resources, ...(resourceNames && { resourceNames }) }] : [],
    ),
    nonResourceRules: rules.flatMap(({ verbs, nonResourceURLs }) =>
      nonResourceURLs?.length ? [{ verbs, nonResourceURLs }] : [],
    ),
    incomplete: incompleteBecause !== undefined,
    ...(incompleteBecause !== undefined && { evaluationError: incompleteBecause }),
  };
}

function checkSubject(kind: string, { user, groups }: SubjectAccessReview['spec']): void {
  if (user || groups?.length) return;
  throw invalidObject({ group: 'authorization.k8s.io', kind }, '', [
    invalid('spec.user', '', 'at least one of user or group must be specified'),
  ]);
}

function checkSpec(kind: string, spec: Spec): void {
  if ((spec.resourceAttributes === undefined) !== (spec.nonResourceAttributes === undefined)) return;
  throw invalidObject({ group: 'authorization.k8s.io', kind }, '', [
    invalid(
      'spec.resourceAttributes',
      spec.resourceAttributes ?? null,
      spec.resourceAttributes
        ? 'cannot be specified in combination with nonResourceAttributes'
        : 'exactly one of nonResourceAttributes or resourceAttributes must be specified',
    ),
  ]);
}

/** The subject of a review, exactly as it names them. */
function subjectOf({ user = '', uid, groups = [], extra }: SubjectAccessReview['spec']): Caller {
  return { name: user, groups, ...(uid !== undefined && { uid }), ...(extra && { extra }) };
}

async function reviewToken(
  { spec }: TokenReview,
  readers: readonly TokenReader[],
  tokens: ServiceAccountTokens,
): Promise<TokenReview['status']> {
  const { token = '', audiences } = spec;
  if (!token) throw badRequest('token is required for TokenReview in authentication');
  const machine = tokens.read(token, audiences?.length ? audiences : [tokens.audience]);
  if (machine) {
    const groups = [...machine.caller.groups, authenticatedGroup];
    return { authenticated: true, user: userOf({ ...machine.caller, groups }), audiences: machine.audiences };
  }
  const asked = audiences?.length ? audiences.filter((audience) => audience === tokens.audience) : [tokens.audience];
  const caller = asked.length > 0 ? await callerOfToken(readers, token) : undefined;
  if (!caller) return { error: '[invalid bearer token, unknown]' };
  return { authenticated: true, user: userOf(caller), audiences: asked };
}

function userOf({ name, uid, groups, extra }: Caller): UserInfo {
  const copied = Object.entries(extra ?? {}).map(([key, values]): [string, string[]] => [key, [...values]]);
  return {
    username: name,
    ...(uid !== undefined && { uid }),
    groups: [...groups],
    ...(copied.length > 0 && { extra: Object.fromEntries(copied) }),
  };
}
