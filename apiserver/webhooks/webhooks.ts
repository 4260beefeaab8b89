/**
 * Admission by web services. Those that change objects are asked one after another, when all plugins have had their say; those that only judge are asked
 * side by side, about the object as it will be stored.
 */
import type { Env } from '#lib/env/env.ts';
import type { Kind } from '#lib/kinds/define-kind.ts';
import type {
  MutatingWebhookConfiguration,
  ValidatingWebhookConfiguration,
} from '#lib/kinds/gen/admissionregistration-v1.ts';
import { mutatingWebhookConfiguration } from '#lib/kinds/mutating-webhook-configuration.ts';
import { decodeAs } from '#lib/kinds/structure.ts';
import { validatingWebhookConfiguration } from '#lib/kinds/validating-webhook-configuration.ts';
import { copy, equal } from '#lib/meta/equal.ts';
import { ApiError, badRequest } from '#lib/meta/errors.ts';
import type { Resource } from '#lib/meta/object.ts';
import { applyJsonPatch } from '#lib/meta/patches.ts';
import type { AdmissionRequest, Lookup } from '../admission/types.ts';
import type { Authorizer } from '../auth/authorize.ts';
import type { World } from '../store/world-types.ts';
import { prefixOf } from '../verbs/selection.ts';
import type { WebhookCaller } from './call.ts';
import { isAsked, mayBeAsked } from './match.ts';
import type { Webhook } from './match.ts';
import { readVerdict, reviewOf } from './review.ts';
import type { Review, Verdict } from './review.ts';

export interface Webhooks {
  /** The object as they leave it; undefined when none is asked. */
  mutate(request: AdmissionRequest): Promise<Resource> | undefined;
  /** Throws what one of them refuses with; undefined when none is asked. */
  validate(request: AdmissionRequest): Promise<void> | undefined;
}

/** Versions of reviews that we speak. */
const versions = ['v1', 'v1beta1'];
const defaultTimeoutSeconds = 10;

export function makeWebhooks(
  { world, look, authorize, caller }: { world: World; look: Lookup; authorize: Authorizer; caller: WebhookCaller },
  env: Env,
): Webhooks {
  const anyOf = (kind: unknown) => world.count(prefixOf(kind as Kind, '')) > 0;

  /** Undefined when the webhook failed, and may. */
  const ask = async (webhook: Webhook, request: AdmissionRequest, review: Review): Promise<Verdict | undefined> => {
    const { name, clientConfig, timeoutSeconds = defaultTimeoutSeconds, failurePolicy, sideEffects } = webhook;
    if (request.dryRun && sideEffects !== 'None' && sideEffects !== 'NoneOnDryRun') {
      throw badRequest(`admission webhook ${JSON.stringify(name)} does not support dry run`);
    }
    try {
      const verdict = readVerdict(name, review, await caller.call(clientConfig, review, timeoutSeconds));
      for (const warning of verdict.warnings) request.warn(warning);
      for (const [key, value] of Object.entries(verdict.auditAnnotations)) request.annotate?.(`${name}/${key}`, value);
      return verdict;
    } catch (error) {
      return forgive(error, name, failurePolicy);
    }
  };
  const forgive = (error: unknown, name: string, failurePolicy: string | undefined): undefined => {
    if (error instanceof ApiError) throw error;
    const message = `failed calling webhook ${JSON.stringify(name)}: ${(error as Error).message}`;
    if (failurePolicy !== 'Ignore') {
      throw new ApiError('InternalError', `Internal error occurred: ${message}`, {
        causes: [{ reason: '', message }],
      });
    }
    env.log.warn('A webhook failed, going on without it', { name, error });
    return undefined;
  };
  const questionFor = (webhook: Webhook, request: AdmissionRequest): Review | undefined => {
    const version = webhook.admissionReviewVersions.find((item) => versions.includes(item));
    if (version === undefined)
      return forgive(
        new Error('webhook does not accept known AdmissionReview versions (v1, v1beta1)'),
        webhook.name,
        webhook.failurePolicy,
      );
    let review: Review | undefined;
    const make = () => (review ??= reviewOf(request, env.uuid(), version));
    try {
      return isAsked(webhook, request, look, authorize, make) ? make() : undefined;
    } catch (error) {
      return forgive(error, webhook.name, webhook.failurePolicy);
    }
  };
  const webhooksOf = <T extends MutatingWebhookConfiguration | ValidatingWebhookConfiguration>(
    kind: Kind<T>,
  ): Webhook[] => [...look.list(kind, '')].flatMap(({ webhooks = [] }) => webhooks);

  const mutateAll = async (request: AdmissionRequest): Promise<Resource> => {
    const all = webhooksOf(mutatingWebhookConfiguration);
    let { object } = request;
    /** Who was asked before others changed the object. */
    const again: Webhook[] = [];
    const run = async (webhook: Webhook): Promise<boolean> => {
      const review = questionFor(webhook, { ...request, object });
      const verdict = review && (await ask(webhook, request, review));
      if (!verdict?.patch) return false;
      const next = patched(request, object, verdict.patch, webhook);
      const isChanged = !equal(next, object);
      object = next;
      return isChanged;
    };
    for (const [i, webhook] of all.entries()) {
      if (!(await run(webhook))) continue;
      for (const earlier of all.slice(0, i)) {
        if (earlier.reinvocationPolicy === 'IfNeeded' && !again.includes(earlier)) again.push(earlier);
      }
    }
    // Once more, and once only, for those who want to see what others made of it.
    for (const webhook of again) await run(webhook);
    return object;
  };
  /** What a patch makes of the object, completed as any other. */
  const patched = (
    { kind, operation }: AdmissionRequest,
    object: Resource,
    patch: unknown,
    { name, failurePolicy }: Webhook,
  ) => {
    if (operation === 'DELETE') return object;
    try {
      const next = applyJsonPatch(copy(object), patch) as Resource;
      decodeAs(kind, next, 'Ignore');
      kind.defaults?.(next);
      return next;
    } catch (error) {
      forgive(new Error((error as Error).message, { cause: error }), name, failurePolicy);
      return object;
    }
  };

  return {
    mutate(request) {
      if (!anyOf(mutatingWebhookConfiguration) || !mayBeAsked(request)) return undefined;
      return mutateAll(request);
    },
    validate(request) {
      if (!anyOf(validatingWebhookConfiguration) || !mayBeAsked(request)) return undefined;
      const questions = webhooksOf(validatingWebhookConfiguration).flatMap((webhook) => {
        const review = questionFor(webhook, request);
        return review ? [{ webhook, review }] : [];
      });
      if (questions.length === 0) return undefined;
      return Promise.all(questions.map(({ webhook, review }) => ask(webhook, request, review))).then(() => {});
    },
  };
}
