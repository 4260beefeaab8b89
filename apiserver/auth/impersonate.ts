/** Acting as someone else, by the headers `Impersonate-User` and its kin, for those who may. */
import type { IncomingHttpHeaders } from 'node:http';
import { ApiError } from '#lib/meta/errors.ts';
import type { Caller } from '../verbs/types.ts';
import { anonymousName, unauthenticatedGroup } from './anonymous.ts';
import { authenticatedGroup, demandAttempt } from './authorize.ts';
import type { Attempt, Authorizer } from './authorize.ts';

const extraPrefix = 'impersonate-extra-';
const accountPrefix = 'system:serviceaccount:';

/** Whom the request is to be taken for: its caller, when the headers ask for nobody else. Throws Forbidden for who may not. */
export function impersonated(caller: Caller, headers: IncomingHttpHeaders, authorize: Authorizer): Caller {
  const name = textOf(headers['impersonate-user']);
  const groups = listOf(headers['impersonate-group']);
  const uid = textOf(headers['impersonate-uid']);
  const extra = extraOf(headers);
  if (name === '') {
    if (groups.length === 0 && uid === '' && Object.keys(extra).length === 0) return caller;
    throw new ApiError('InternalError', 'Internal error occurred: impersonating groups, uid or extra without a user');
  }
  const asked: Attempt[] = [
    attemptOn(name),
    ...groups.map((group) => attempt('', 'groups', group)),
    ...(uid === '' ? [] : [attempt('authentication.k8s.io', 'uids', uid)]),
    ...Object.entries(extra).flatMap(([key, values]) =>
      values.map((value) => ({ ...attempt('authentication.k8s.io', 'userextras', value), subresource: key })),
    ),
  ];
  for (const one of asked) demandAttempt(authorize, caller, one);
  return {
    name,
    ...(uid !== '' && { uid }),
    groups: [
      ...new Set([
        ...(groups.length > 0 ? groups : groupsOf(name)),
        name === anonymousName ? unauthenticatedGroup : authenticatedGroup,
      ]),
    ],
    extra,
  };
}

function attemptOn(name: string): Attempt {
  const [namespace, account] = name.startsWith(accountPrefix) ? name.slice(accountPrefix.length).split(':') : [];
  if (namespace && account) return { ...attempt('', 'serviceaccounts', account), namespace };
  return attempt('', 'users', name);
}

function attempt(group: string, plural: string, name: string): Attempt {
  return { verb: 'impersonate', group, plural, subresource: '', namespace: '', name };
}

/** The groups that a service account always has. */
function groupsOf(name: string): string[] {
  if (!name.startsWith(accountPrefix)) return [];
  return ['system:serviceaccounts', `system:serviceaccounts:${name.slice(accountPrefix.length).split(':', 1)[0]}`];
}

function extraOf(headers: IncomingHttpHeaders): Record<string, string[]> {
  const entries = Object.entries(headers).filter(([key]) => key.startsWith(extraPrefix));
  return Object.fromEntries(entries.map(([key, value]) => [unescaped(key.slice(extraPrefix.length)), listOf(value)]));
}

/** Keys may be percent-encoded; one that cannot be read so stands for itself. */
function unescaped(key: string): string {
  return /%(?![0-9a-f]{2})/i.test(key) ? key : Buffer.from(unescape(key), 'latin1').toString();
}

function textOf(value: string | string[] | undefined): string {
  return [value].flat()[0] ?? '';
}

/** Node joins repeated headers by commas, in which groups have no place. */
function listOf(value: string | string[] | undefined): string[] {
  return [value]
    .flat()
    .flatMap((text) => (text ?? '').split(','))
    .map((text) => text.trim())
    .filter((text) => text !== '');
}
