/** Whether one's own rules cover those one wants to give away, as upstream's `component-helpers/auth/rbac/validation`. */
import type { PolicyRule } from '#lib/kinds/gen/rbac-v1.ts';
import { goQuote } from '#lib/meta/go-text.ts';
import { pathMatches } from './match.ts';

/** The parts of `wanted` that `owned` does not cover, each about one verb of one resource or path. */
export function uncovered(owned: readonly PolicyRule[], wanted: readonly PolicyRule[]): PolicyRule[] {
  return wanted.flatMap(brokenDown).filter((part) => !owned.some((rule) => covers(rule, part)));
}

/** The rules in sentences, verbs of one resource together, sorted. */
export function rulesText(rules: readonly PolicyRule[]): string {
  return [...new Set(compacted(rules).map(ruleText))].toSorted(byCodePoint).join('\n');
}

/** Upstream's short form: `{APIGroups:[""], Resources:["pods"], Verbs:["get" "list"]}`. */
function ruleText(rule: PolicyRule): string {
  const parts: [label: string, values: readonly string[] | undefined][] = [
    ['APIGroups', rule.apiGroups],
    ['Resources', rule.resources],
    ['NonResourceURLs', rule.nonResourceURLs],
    ['ResourceNames', rule.resourceNames],
    ['Verbs', rule.verbs],
  ];
  const said = parts.flatMap(([label, values]) => (values?.length ? [`${label}:${quoted(values)}`] : []));
  return `{${said.join(', ')}}`;
}

/** A list as Go's %q writes it. */
export function quoted(values: readonly string[]): string {
  return `[${values.map((value) => goQuote(value)).join(' ')}]`;
}

function brokenDown({ verbs, apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] }: PolicyRule) {
  const names = resourceNames.length > 0 ? resourceNames.map((name) => ({ resourceNames: [name] })) : [{}];
  const parts: PolicyRule[] = [];
  for (const group of apiGroups)
    for (const resource of resources)
      for (const verb of verbs)
        for (const name of names) parts.push({ apiGroups: [group], resources: [resource], verbs: [verb], ...name });
  for (const url of nonResourceURLs) for (const verb of verbs) parts.push({ nonResourceURLs: [url], verbs: [verb] });
  return parts;
}

/** `part` is about one verb of one thing. */
function covers(owner: PolicyRule, part: PolicyRule): boolean {
  const ownNames = owner.resourceNames ?? [];
  const partNames = part.resourceNames ?? [];
  return (
    holds(owner.verbs, part.verbs) &&
    holds(owner.apiGroups ?? [], part.apiGroups ?? []) &&
    (part.resources ?? []).every((resource) => coversResource(owner.resources ?? [], resource)) &&
    (part.nonResourceURLs ?? []).every((url) => (owner.nonResourceURLs ?? []).some((own) => pathMatches(own, url))) &&
    (ownNames.length === 0 || (partNames.length > 0 && partNames.every((name) => ownNames.includes(name))))
  );
}

function holds(owned: readonly string[], wanted: readonly string[]): boolean {
  return owned.includes('*') || wanted.every((item) => owned.includes(item));
}

function coversResource(owned: readonly string[], resource: string): boolean {
  if (owned.includes('*') || owned.includes(resource)) return true;
  const slash = resource.indexOf('/');
  return slash >= 0 && owned.includes(`*${resource.slice(slash)}`);
}

/** Rules about the same resource, and the same name if any, as one. */
function compacted(rules: readonly PolicyRule[]): PolicyRule[] {
  const others: PolicyRule[] = [];
  const bySubject = new Map<string, PolicyRule>();
  for (const rule of rules) {
    const { apiGroups = [], resources = [], resourceNames = [] } = rule;
    if (apiGroups.length !== 1 || resources.length !== 1 || resourceNames.length > 1) {
      others.push(rule);
      continue;
    }
    const subject = JSON.stringify([apiGroups, resources, resourceNames]);
    const known = bySubject.get(subject);
    bySubject.set(subject, known ? { ...known, verbs: [...known.verbs, ...rule.verbs] } : rule);
  }
  return [...others, ...bySubject.values()];
}

function byCodePoint(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
