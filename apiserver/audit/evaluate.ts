/** Which rule of a policy a request falls under, as upstream's `audit/policy` finds it. Pure. */
import type { Caller } from '../verbs/types.ts';
import type { RequestInfo } from '../rest/request-info.ts';
import type { Level, Policy, PolicyRule, Stage } from './policy.ts';

/** What is done about a request. */
export interface Verdict {
  level: Level;
  omitStages: ReadonlySet<Stage>;
  omitManagedFields: boolean;
}

/** What of a request counts. */
export type Asked = Pick<
  RequestInfo,
  'verb' | 'isResource' | 'group' | 'resource' | 'subresource' | 'namespace' | 'name' | 'path'
>;

/** `user` is undefined when nobody could be made out. */
export type Evaluate = (info: Asked, user: Caller | undefined) => Verdict;

/** The policy as a function. What no rule is about is not told at all. */
export function evaluator(policy: Policy): Evaluate {
  const { rules, omitStages = [], omitManagedFields = false } = policy;
  const made = rules.map((rule) => ({
    fits: matcher(rule),
    verdict: {
      level: rule.level,
      omitStages: new Set([...omitStages, ...(rule.omitStages ?? [])]),
      omitManagedFields: rule.omitManagedFields ?? omitManagedFields,
    },
  }));
  const otherwise: Verdict = { level: 'None', omitStages: new Set(omitStages), omitManagedFields };
  return (info, user) => made.find(({ fits }) => fits(info, user))?.verdict ?? otherwise;
}

function matcher(rule: PolicyRule): (info: Asked, user: Caller | undefined) => boolean {
  const { users = [], userGroups = [], verbs = [], resources = [], namespaces = [], nonResourceURLs = [] } = rule;
  const aboutResources = resources.length > 0 || namespaces.length > 0;
  return (info, user) => {
    if (users.length > 0 && !(user && users.includes(user.name))) return false;
    if (userGroups.length > 0 && !user?.groups.some((group) => userGroups.includes(group))) return false;
    if (verbs.length > 0 && !verbs.includes(info.verb)) return false;
    if (aboutResources) {
      if (!info.isResource) return false;
      if (namespaces.length > 0 && !namespaces.includes(info.namespace)) return false;
      return resources.length === 0 || resources.some((one) => namesResource(one, info));
    }
    return nonResourceURLs.length === 0 || (!info.isResource && nonResourceURLs.some((url) => isAt(info.path, url)));
  };
}

function namesResource(
  { group = '', resources = [], resourceNames = [] }: NonNullable<PolicyRule['resources']>[number],
  { group: asked, resource, subresource, name }: Asked,
): boolean {
  if (group !== asked) return false;
  if (resources.length === 0) return true;
  if (resourceNames.length > 0 && !resourceNames.includes(name)) return false;
  const whole = subresource === '' ? resource : `${resource}/${subresource}`;
  return resources.some(
    (wanted) =>
      wanted === '*' ||
      wanted === whole ||
      (subresource !== '' && wanted === `*/${subresource}`) ||
      wanted === `${resource}/*`,
  );
}

function isAt(path: string, url: string): boolean {
  return url === '*' || url === path || (url.endsWith('*') && path.startsWith(url.replace(/\*+$/, '')));
}
