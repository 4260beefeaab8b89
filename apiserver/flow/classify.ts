/** Which flow schema a request belongs to: the first by precedence that has a rule for its caller and for what it is about. */
import type {
  FlowSchema,
  NonResourcePolicyRule,
  PolicyRulesWithSubjects,
  ResourcePolicyRule,
  Subject,
} from '#lib/kinds/gen/flowcontrol-v1.ts';
import type { RequestInfo } from '../rest/request-info.ts';
import type { Caller } from '../verbs/types.ts';

export interface Classifier {
  /** Undefined when no schema is for the request. */
  classify(caller: Caller, info: RequestInfo): FlowSchema | undefined;
}

type Matches = (info: RequestInfo) => boolean;

interface Candidate {
  schema: FlowSchema;
  matches: Matches;
}

const all = '*';

/** Callers whose schemas are remembered; then all are forgotten. */
const remembered = 10_000;

/** `schemas` in the order in which they are to be tried. */
export function makeClassifier(schemas: readonly FlowSchema[]): Classifier {
  const rules = schemas.flatMap((schema) =>
    (schema.spec.rules ?? []).map((rule) => ({ schema, rule, matches: requestMatcher(rule) })),
  );
  /** By who the caller is: what does not depend on the request. */
  const candidates = new Map<string, readonly Candidate[]>();
  const candidatesOf = (caller: Caller): readonly Candidate[] => {
    const key = keyOf(caller);
    let known = candidates.get(key);
    if (!known) {
      known = rules.filter(({ rule }) => rule.subjects.some((subject) => isSubject(caller, subject)));
      if (candidates.size >= remembered) candidates.clear();
      candidates.set(key, known);
    }
    return known;
  };
  return {
    classify(caller, info) {
      for (const { schema, matches } of candidatesOf(caller)) if (matches(info)) return schema;
      return undefined;
    },
  };
}

/** Names may hold whatever they like, so each is told with its length: no two callers share a key. */
function keyOf({ name, groups }: Caller): string {
  let key = `${name.length}:${name}`;
  for (const group of groups) key += `${group.length}:${group}`;
  return key;
}

/** What tells the flows of a schema apart. */
export function distinguisherOf({ spec }: FlowSchema, caller: Caller, info: RequestInfo): string {
  switch (spec.distinguisherMethod?.type) {
    case 'ByUser':
      return caller.name;
    case 'ByNamespace':
      return info.namespace;
    default:
      return '';
  }
}

function isSubject({ name, groups }: Caller, { kind, user, group, serviceAccount }: Subject): boolean {
  switch (kind) {
    case 'User':
      return user !== undefined && (user.name === all || user.name === name);
    case 'Group':
      return group !== undefined && (group.name === all || groups.includes(group.name));
    case 'ServiceAccount': {
      if (!serviceAccount) return false;
      const prefix = `system:serviceaccount:${serviceAccount.namespace}:`;
      return serviceAccount.name === all ? name.startsWith(prefix) : name === prefix + serviceAccount.name;
    }
    default:
      return false;
  }
}

function requestMatcher({ resourceRules = [], nonResourceRules = [] }: PolicyRulesWithSubjects): Matches {
  const resources = resourceRules.map(resourceMatcher);
  const paths = nonResourceRules.map(pathMatcher);
  return (info) => (info.isResource ? resources : paths).some((matches) => matches(info));
}

function resourceMatcher({ verbs, resources, apiGroups, clusterScope, namespaces }: ResourcePolicyRule): Matches {
  const [isVerb, isResource, isGroup] = [includes(verbs), includes(resources), includes(apiGroups)];
  const isNamespace = includes(namespaces ?? []);
  return ({ verb, resource, subresource, group, namespace }) =>
    isVerb(verb) &&
    isResource(subresource ? `${resource}/${subresource}` : resource) &&
    isGroup(group) &&
    (namespace === '' ? clusterScope === true : isNamespace(namespace));
}

/** A path stands for what lies below it too. */
function pathMatcher({ verbs, nonResourceURLs }: NonResourcePolicyRule): Matches {
  const isVerb = includes(verbs);
  const isEvery = nonResourceURLs.includes(all);
  const prefixes = nonResourceURLs.map((url) => url.replace(/\*$/, '').replace(/\/?$/, '/'));
  return ({ verb, path }) =>
    isVerb(verb) && (isEvery || nonResourceURLs.includes(path) || prefixes.some((prefix) => path.startsWith(prefix)));
}

function includes(list: readonly string[]): (value: string) => boolean {
  if (list.includes(all)) return () => true;
  const known = new Set(list);
  return (value) => known.has(value);
}
