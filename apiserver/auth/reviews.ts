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
import type { Authorizer } from './authorize.ts';
import type { ServiceAccountTokens } from './service-account-tokens.ts';

/** The answerers of all review kinds. */
export function makeReviews(
  authorize: Authorizer,
  readers: readonly TokenReader[],
  tokens: ServiceAccountTokens,
): ReadonlyMap<Kind, Answerer> {
  const decide = (caller: Caller, { resourceAttributes, nonResourceAttributes }: Spec) => {
    const {
      verb = '',
      group = '',
      resource = '',
      subresource = '',
      namespace = '',
      name = '',
    } = resourceAttributes ?? {};
    const attempt = { group, plural: resource, subresource, namespace, name };
    return authorize(caller, { ...attempt, verb: verb || (nonResourceAttributes?.verb ?? '') });
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
        return { ...review, status: decide(subjectOf(review.spec), review.spec) };
      },
    ],
    [
      localSubjectAccessReview,
      async (_caller, namespace, review: LocalSubjectAccessReview) => {
        checkSpec('LocalSubjectAccessReview', review.spec);
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
      async (_caller, _namespace, review: SelfSubjectRulesReview) => {
        if (!review.spec.namespace) throw badRequest('no namespace on request');
        return { ...review, status: allowedEverything };
      },
    ],
  ]);
  return answers as unknown as ReadonlyMap<Kind, Answerer>;
}

interface Spec {
  resourceAttributes?: ResourceAttributes | undefined;
  nonResourceAttributes?: { path?: string | undefined; verb?: string | undefined } | undefined;
}

/** What every authenticated caller may do as long as no roles are enforced. */
const allowedEverything = {
  resourceRules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }],
  nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }],
  incomplete: false,
};

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

/** The subject of a review; who is named counts as having authenticated if the review says so. */
function subjectOf(spec: SubjectAccessReview['spec']): Caller {
  const isMachine = spec.user?.startsWith('system:serviceaccount:') || spec.user?.startsWith('system:node:');
  const groups = spec.groups ?? [];
  return { name: spec.user ?? '', groups: isMachine ? [...groups, authenticatedGroup] : groups };
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
