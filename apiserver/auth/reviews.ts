/** Reviews: who am I, whose token is this, may one do that. */
import type { Env } from '#lib/env/env.ts';
import type { Kind } from '#lib/kinds/define-kind.ts';
import type { SelfSubjectReview, TokenReview, UserInfo } from '#lib/kinds/gen/authentication-v1.ts';
import type {
  LocalSubjectAccessReview,
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
import { badRequest, invalidObject, isReason } from '#lib/meta/errors.ts';
import type { FieldError } from '#lib/meta/errors.ts';
import { parseFieldSelector, parseLabelSelector } from '#lib/meta/selectors.ts';
import { formatTime } from '#lib/meta/time.ts';
import type { Caller } from '../verbs/types.ts';
import type { Answerer } from '../verbs/verbs.ts';
import { callerOfToken } from './authenticate.ts';
import type { TokenReader } from './authenticate.ts';
import { authenticatedGroup } from './authorize.ts';
import type { Attempt, Authorizer, PathAttempt } from './authorize.ts';
import type { KnownRules } from './authorizer.ts';
import { aggregate } from './rbac/policy.ts';
import { metadataFaults, placeFaults, rightsFaults, subjectFaults } from './review-checks.ts';
import type { RightsSpec } from './review-checks.ts';
import type { ServiceAccountTokens } from './service-account-tokens.ts';

/** The answerers of all review kinds. `rulesFor` tells what is known of a caller's rules in a namespace. */
export function makeReviews(
  authorize: Authorizer,
  rulesFor: (caller: Caller, namespace: string) => KnownRules,
  readers: readonly TokenReader[],
  tokens: ServiceAccountTokens,
  env: Pick<Env, 'now'>,
): ReadonlyMap<Kind, Answerer> {
  const decide = (caller: Caller, spec: RightsSpec) => {
    const { attempt, unread } = attemptOf(spec);
    const { allowed, reason } = authorize(caller, attempt);
    return { allowed, ...(reason && { reason }), ...(unread && { evaluationError: unread }) };
  };
  const answers = new Map<unknown, (caller: Caller, namespace: string, object: never) => Promise<object>>([
    [
      selfSubjectReview,
      async (caller, _namespace, { apiVersion, kind }: SelfSubjectReview) => ({
        apiVersion,
        kind,
        metadata: { creationTimestamp: formatTime(env.now()) },
        status: { userInfo: userOf(caller) },
      }),
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
        check(review, [...subjectFaults(review.spec), ...metadataFaults(review.metadata, false)]);
        return { ...review, status: decide(subjectOf(review.spec), review.spec) };
      },
    ],
    [
      localSubjectAccessReview,
      async (_caller, namespace, review: LocalSubjectAccessReview) => {
        const within = { ...review.metadata, namespace: review.metadata.namespace || namespace };
        if (within.namespace !== namespace) {
          throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
        }
        check(review, [
          ...subjectFaults(review.spec),
          ...metadataFaults(review.metadata, true),
          ...placeFaults(review.spec, namespace),
        ]);
        return { ...review, metadata: within, status: decide(subjectOf(review.spec), review.spec) };
      },
    ],
    [
      selfSubjectAccessReview,
      async (caller, _namespace, review: SelfSubjectAccessReview) => {
        check(review, [...rightsFaults(review.spec), ...metadataFaults(review.metadata, false)]);
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

function check({ kind }: { kind: string }, faults: FieldError[]): void {
  if (faults.length > 0) throw invalidObject({ group: 'authorization.k8s.io', kind }, '', faults);
}

/** `unread` tells of selectors that cannot be read: they narrow nothing. */
function attemptOf({ resourceAttributes, nonResourceAttributes }: RightsSpec): {
  attempt: Attempt | PathAttempt;
  unread: string;
} {
  if (nonResourceAttributes) {
    return { attempt: { verb: nonResourceAttributes.verb ?? '', path: nonResourceAttributes.path ?? '' }, unread: '' };
  }
  const {
    verb = '',
    group = '',
    resource = '',
    subresource = '',
    namespace = '',
    name = '',
    fieldSelector: fields,
    labelSelector: labels,
  } = resourceAttributes ?? {};
  const unread = [
    ...(isReadable(fields?.rawSelector, parseFieldSelector) ? [] : ['fieldSelector']),
    ...(isReadable(labels?.rawSelector, parseLabelSelector) ? [] : ['labelSelector']),
  ].map((which) => `spec.resourceAttributes.${which} ignored due to parse error`);
  const selector = fields?.rawSelector || requirementsText(fields?.requirements);
  const attempt = { verb, group, plural: resource, subresource, namespace, name };
  return {
    attempt: selector && !unread[0]?.includes('fieldSelector') ? { ...attempt, fieldSelector: selector } : attempt,
    unread: unread.length > 0 ? aggregate(unread) : '',
  };
}

function isReadable(text: string | undefined, parse: (text: string) => unknown): boolean {
  try {
    parse(text ?? '');
    return true;
  } catch (error) {
    if (isReason(error, 'BadRequest')) return false;
    throw error;
  }
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
  const wanted = audiences?.length ? audiences : tokens.audiences;
  const verdict = tokens.judge(token, wanted);
  if (verdict && 'caller' in verdict) {
    const groups = [...verdict.caller.groups, authenticatedGroup];
    return { authenticated: true, user: userOf({ ...verdict.caller, groups }), audiences: verdict.audiences };
  }
  if (verdict) return { user: {}, error: `[invalid bearer token, ${verdict.refusedBecause}]` };
  // Tokens of other sorts are for this API.
  const good = wanted.filter((audience) => tokens.audiences.includes(audience));
  const caller = good.length > 0 ? await callerOfToken(readers, token) : undefined;
  if (!caller) return { user: {}, error: 'invalid bearer token' };
  return { authenticated: true, user: userOf(caller), audiences: good };
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
