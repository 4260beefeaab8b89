/** Whether a rule covers an attempt, as upstream's `pkg/apis/rbac/v1/evaluation_helpers.go`. */
import type { PolicyRule } from '#lib/kinds/gen/rbac-v1.ts';
import { isPathAttempt } from '../authorize.ts';
import type { Attempt, PathAttempt } from '../authorize.ts';

/** A role's rules, arranged so that a request looks at few of them. */
export interface RuleSet {
  /** As they were given. */
  readonly rules: readonly PolicyRule[];
  allows(attempt: Attempt): boolean;
  allowsPath(attempt: PathAttempt): boolean;
}

interface ResourceRule {
  verbs: ReadonlySet<string>;
  /** Undefined when the rule is for objects of any name. */
  names: ReadonlySet<string> | undefined;
  rule: PolicyRule;
}

const all = '*';

/** The plain form of the question: for tests, and for rules that nobody asks often. */
export function ruleAllows(rule: PolicyRule, attempt: Attempt | PathAttempt): boolean {
  if (!includes(rule.verbs, attempt.verb)) return false;
  if (isPathAttempt(attempt)) return (rule.nonResourceURLs ?? []).some((pattern) => pathMatches(pattern, attempt.path));
  const { resourceNames = [] } = rule;
  return (
    includes(rule.apiGroups, attempt.group) &&
    resourcesMatch(rule.resources, attempt) &&
    (resourceNames.length === 0 || resourceNames.includes(attempt.name))
  );
}

/** Arranges rules by group and resource; those with wildcards stand apart. */
export function compileRules(rules: readonly PolicyRule[]): RuleSet {
  const exact = new Map<string, ResourceRule[]>();
  const wild: ResourceRule[] = [];
  const paths: PolicyRule[] = [];
  for (const rule of rules) {
    const { apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] } = rule;
    if (nonResourceURLs.length > 0) paths.push(rule);
    const compiled: ResourceRule = {
      verbs: new Set(rule.verbs),
      names: resourceNames.length > 0 ? new Set(resourceNames) : undefined,
      rule,
    };
    if (apiGroups.includes(all) || resources.some((resource) => resource === all || resource.startsWith('*/'))) {
      wild.push(compiled);
      continue;
    }
    for (const group of apiGroups)
      for (const resource of resources) {
        const key = `${group}/${resource}`;
        const known = exact.get(key);
        if (known) known.push(compiled);
        else exact.set(key, [compiled]);
      }
  }
  const permits = ({ verbs, names }: ResourceRule, { verb, name }: Attempt) =>
    (verbs.has(verb) || verbs.has(all)) && (!names || names.has(name));
  return {
    rules,
    allows(attempt) {
      const { group, plural, subresource } = attempt;
      const found = exact.get(subresource ? `${group}/${plural}/${subresource}` : `${group}/${plural}`);
      if (found?.some((rule) => permits(rule, attempt))) return true;
      return wild.some(
        (compiled) =>
          permits(compiled, attempt) &&
          includes(compiled.rule.apiGroups, group) &&
          resourcesMatch(compiled.rule.resources, attempt),
      );
    },
    allowsPath: (attempt) => paths.some((rule) => ruleAllows(rule, attempt)),
  };
}

/** Whether a pattern of paths, which may end with '*', covers the path. */
export function pathMatches(pattern: string, path: string): boolean {
  if (pattern === all || pattern === path) return true;
  return pattern.endsWith(all) && path.startsWith(pattern.replace(/\*+$/, ''));
}

function includes(list: readonly string[] | undefined, value: string): boolean {
  return list !== undefined && (list.includes(all) || list.includes(value));
}

/** `*` means every resource and subresource, `*` `/status` that subresource of every one. */
function resourcesMatch(patterns: readonly string[] = [], { plural, subresource }: Attempt): boolean {
  const wanted = subresource ? `${plural}/${subresource}` : plural;
  return patterns.some(
    (pattern) => pattern === all || pattern === wanted || (subresource !== '' && pattern === `*/${subresource}`),
  );
}
