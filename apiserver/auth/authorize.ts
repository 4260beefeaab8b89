/** What authorisation decides about, and how a refusal reads. Every request of verbs and every path passes here. */
import type { Kind } from '#lib/kinds/define-kind.ts';
import { ApiError, qualified } from '#lib/meta/errors.ts';
import { parseFieldSelector } from '#lib/meta/selectors.ts';
import { goQuote } from '#lib/meta/go-text.ts';
import type { Caller } from '../verbs/types.ts';

/** Something a caller wants to do with resources. */
export interface Attempt {
  verb: string;
  group: string;
  plural: string;
  subresource: string;
  namespace: string;
  name: string;
  /** Of a list or a watch: what narrows it. */
  fieldSelector?: string;
}

/** Asking for a path that is no resource, by the method in lower case. */
export interface PathAttempt {
  verb: string;
  path: string;
}

/** `reason` says why, for reviews, and what stood in the way, for refusals; '' when there is nothing to say. */
export interface Decision {
  allowed: boolean;
  reason: string;
}

/** Answers whether the caller may. */
export type Authorizer = (caller: Caller, attempt: Attempt | PathAttempt) => Decision;

export const authenticatedGroup = 'system:authenticated';
export const mastersGroup = 'system:masters';

export function isPathAttempt(attempt: Attempt | PathAttempt): attempt is PathAttempt {
  return 'path' in attempt;
}

interface Where {
  namespace?: string;
  name?: string;
  subresource?: string | undefined;
  fieldSelector?: string | undefined;
}

/** Throws Forbidden in upstream's words unless the caller may do this with objects of the kind. */
export function demand(decide: Authorizer, caller: Caller, verb: string, kind: Kind, where: Where = {}): void {
  demandAttempt(decide, caller, attemptOn(verb, kind, where));
}

/**
 * The attempt as upstream's `endpoints/request/requestinfo.go` sees it: a namespace lies within itself, and a list that selects one name is about
 * that object.
 */
function attemptOn(
  verb: string,
  kind: Kind,
  { namespace = '', name = '', subresource, fieldSelector }: Where,
): Attempt {
  const { group, plural } = kind;
  const isNamespace = group === '' && plural === 'namespaces';
  return {
    verb,
    group,
    plural,
    subresource: subresource ?? '',
    namespace: isNamespace ? name : namespace,
    name: name || nameIn(fieldSelector),
    ...(fieldSelector && { fieldSelector }),
  };
}

/** The one name that a field selector leaves, if it does. */
function nameIn(fieldSelector: string | undefined): string {
  if (!fieldSelector) return '';
  return parseFieldSelector(fieldSelector).find(({ path, negate }) => path === 'metadata.name' && !negate)?.value ?? '';
}

/** Throws Forbidden in upstream's words unless the caller may. */
export function demandAttempt(decide: Authorizer, caller: Caller, attempt: Attempt | PathAttempt): void {
  const { allowed, reason } = decide(caller, attempt);
  if (allowed) return;
  const because = escaped(`User ${goQuote(caller.name)} cannot ${attempt.verb} ${targetOf(attempt)}`);
  const sentence = reason ? `${because}: ${reason}` : because;
  if (isPathAttempt(attempt)) throw new ApiError('Forbidden', `forbidden: ${sentence}`, {});
  const { group, plural, name } = attempt;
  const subject = `${qualified({ group, plural })}${name ? ` ${goQuote(name)}` : ''}`;
  throw new ApiError('Forbidden', `${subject} is forbidden: ${sentence}`, {
    ...(name && { name }),
    ...(group && { group }),
    kind: plural,
  });
}

function targetOf(attempt: Attempt | PathAttempt): string {
  if (isPathAttempt(attempt)) return `path ${goQuote(attempt.path)}`;
  const { group, plural, subresource, namespace } = attempt;
  const scope = namespace ? `in the namespace "${namespace}"` : 'at the cluster scope';
  return `resource "${subresource ? `${plural}/${subresource}` : plural}" in API group "${group}" ${scope}`;
}

/** Upstream keeps what a caller chose from being read as markup. */
function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
