/** Acting as someone else, by the headers `Impersonate-User` and its kin, for those who may: upstream's `endpoints/filters/impersonation.go`. */
import { ApiError } from '#lib/meta/errors.ts';
import type { Caller } from '../verbs/types.ts';
import { accountGroups, accountNamed } from './account-caller.ts';
import { anonymousName, unauthenticatedGroup } from './anonymous.ts';
import { authenticatedGroup, demandAttempt } from './authorize.ts';
import type { Attempt, Authorizer } from './authorize.ts';

const extraPrefix = 'impersonate-extra-';
const authentication = 'authentication.k8s.io';

/** Names and values by turns, as they came: groups may hold commas, which joined headers could not tell from those between them. */
export type RawHeaders = readonly string[];

/** Whom the request is to be taken for: its caller, when the headers ask for nobody else. Throws Forbidden for who may not. */
export function impersonated(caller: Caller, headers: RawHeaders, authorize: Authorizer): Caller {
  const wanted = wantedBy(headers);
  if (!wanted) return caller;
  const { name, uid, groups, extra } = wanted;
  if (name === '') {
    throw new ApiError('InternalError', `requested ${describe(wanted)} without impersonating a user`);
  }
  const asked: Attempt[] = [
    attemptOn(name),
    ...groups.map((group) => attempt('', 'groups', group)),
    ...(uid === '' ? [] : [attempt(authentication, 'uids', uid)]),
    ...Object.entries(extra).flatMap(([key, values]) =>
      values.map((value) => ({ ...attempt(authentication, 'userextras', value), subresource: key })),
    ),
  ];
  for (const one of asked) demandAttempt(authorize, caller, one);
  return {
    name,
    ...(uid !== '' && { uid }),
    groups: [...new Set([...(groups.length > 0 ? groups : accountGroups(name)), ...ownGroup(name, groups)])],
    extra,
  };
}

interface Wanted {
  name: string;
  uid: string;
  groups: string[];
  extra: Record<string, string[]>;
}

/** Undefined when the headers ask for nobody. */
function wantedBy(headers: RawHeaders): Wanted | undefined {
  const wanted: Wanted = { name: '', uid: '', groups: [], extra: {} };
  let isAny = false;
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i]!.toLowerCase();
    if (!name.startsWith('impersonate-')) continue;
    // Node reads headers byte by byte; names are UTF-8, as in certificates and bindings.
    const value = Buffer.from(headers[i + 1]!, 'latin1').toString();
    if (name === 'impersonate-user') wanted.name ||= value;
    else if (name === 'impersonate-uid') wanted.uid ||= value;
    else if (name === 'impersonate-group') wanted.groups.push(value);
    else if (name.startsWith(extraPrefix)) {
      const key = unescaped(name.slice(extraPrefix.length));
      Object.defineProperty(wanted.extra, key, {
        value: [...(Object.hasOwn(wanted.extra, key) ? wanted.extra[key]! : []), value],
        enumerable: true,
        configurable: true,
      });
    } else continue;
    isAny ||= value !== '' || name.startsWith(extraPrefix);
  }
  return isAny ? wanted : undefined;
}

/** The group of whoever is known, or of nobody, unless the request says which of both it is to be. */
function ownGroup(name: string, groups: readonly string[]): string[] {
  if (name === anonymousName) return [unauthenticatedGroup];
  return groups.includes(authenticatedGroup) || groups.includes(unauthenticatedGroup) ? [] : [authenticatedGroup];
}

function attemptOn(name: string): Attempt {
  const account = accountNamed(name);
  if (account) return { ...attempt('', 'serviceaccounts', account.name), namespace: account.namespace };
  return attempt('', 'users', name);
}

function attempt(group: string, plural: string, name: string): Attempt {
  return { verb: 'impersonate', group, plural, subresource: '', namespace: '', name };
}

/** What is asked for, as Go prints the references that upstream makes of it. */
function describe({ groups, uid, extra }: Wanted): string {
  const version = `${authentication}/v1`;
  const references = [
    ...groups.map((group) => `{Group  ${group}    }`),
    ...Object.entries(extra).flatMap(([key, values]) =>
      values.map((value) => `{UserExtra  ${value}  ${version}  ${key}}`),
    ),
    ...(uid === '' ? [] : [`{UID  ${uid}  ${version}  }`]),
  ];
  return `[${references.join(' ')}]`;
}

/** Keys may be percent-encoded; one that cannot be read so stands for itself. */
function unescaped(key: string): string {
  return /%(?![0-9a-f]{2})/i.test(key) ? key : Buffer.from(unescape(key), 'latin1').toString();
}
