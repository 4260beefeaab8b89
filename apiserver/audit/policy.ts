/** What the audit log is to hold: audit.k8s.io/v1 Policy, with upstream's rules for it. */
import { invalid, notSupported, required } from '#lib/meta/errors.ts';
import type { FieldError } from '#lib/meta/errors.ts';
import { subdomainFaults } from '#lib/meta/names.ts';
import { readConfigFile } from '../config-file.ts';

/** How much is told of a request: nothing, who did what, its body too, its answer too. */
export const levels = ['None', 'Metadata', 'Request', 'RequestResponse'] as const;
export type Level = (typeof levels)[number];

/** When it is told: on arrival, when a long answer begins, at the end, or when the server failed by a fault of its own. */
const stages = ['RequestReceived', 'ResponseStarted', 'ResponseComplete', 'Panic'] as const;
export type Stage = (typeof stages)[number];

/** Requests that fulfil everything a rule names are of its level. The first rule that fits counts. */
export interface PolicyRule {
  level: Level;
  users?: string[];
  userGroups?: string[];
  verbs?: string[];
  resources?: { group?: string; resources?: string[]; resourceNames?: string[] }[];
  /** `''` for what lies in no namespace. */
  namespaces?: string[];
  /** Paths; a trailing `*` stands for any rest. */
  nonResourceURLs?: string[];
  omitStages?: Stage[];
  omitManagedFields?: boolean;
}

export interface Policy {
  rules: PolicyRule[];
  /** Besides those that rules omit. */
  omitStages?: Stage[];
  /** Where a rule does not say. */
  omitManagedFields?: boolean;
}

const strings = ['string'] as const;
const kind = {
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  fields: {
    omitStages: strings,
    omitManagedFields: 'boolean',
    rules: [
      {
        level: 'string',
        users: strings,
        userGroups: strings,
        verbs: strings,
        resources: [{ group: 'string', resources: strings, resourceNames: strings }],
        namespaces: strings,
        nonResourceURLs: strings,
        omitStages: strings,
        omitManagedFields: 'boolean',
      },
    ],
  },
} as const;

/** Reads the text of such a file. Throws an Error with every fault. */
export function readPolicy(text: string): Policy {
  const policy = withoutNulls(readConfigFile(text, kind)) as Policy;
  const faults = [
    ...(policy.rules ?? []).flatMap((rule, i) => ruleFaults(rule, `rules[${i}]`)),
    ...stageFaults(policy.omitStages, 'omitStages'),
  ];
  if (faults.length > 0)
    throw new Error(`Cannot read the Policy: ${faults.map(({ field, message }) => `${field}: ${message}`).join('; ')}`);
  if (!policy.rules?.length) throw new Error('Cannot read the Policy: it has no rules');
  return policy;
}

/** A field that is given as null is absent. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, inner]) => inner !== null)
      .map(([name, inner]) => [name, withoutNulls(inner)]),
  );
}

function ruleFaults(rule: PolicyRule, path: string): FieldError[] {
  const { level, nonResourceURLs = [], resources = [], namespaces = [], omitStages } = rule;
  const faults: FieldError[] = [];
  if (!level) faults.push(required(`${path}.level`));
  else if (!levels.includes(level)) faults.push(notSupported(`${path}.level`, level, levels));
  const urls = `${path}.nonResourceURLs`;
  for (const [i, url] of nonResourceURLs.entries()) faults.push(...urlFaults(url, `${urls}[${i}]`));
  for (const { group = '', resources: names = [], resourceNames = [] } of resources) {
    const because = group === '' ? [] : subdomainFaults(group);
    if (because.length > 0) faults.push(invalid(`${path}.resources.group`, group, because.join(',')));
    if (resourceNames.length > 0 && names.length === 0) {
      const field = `${path}.resources.resourceNames`;
      faults.push(invalid(field, resourceNames, 'using resourceNames requires at least one resource'));
    }
  }
  faults.push(...stageFaults(omitStages, `${path}.omitStages`));
  if (nonResourceURLs.length > 0 && resources.length + namespaces.length > 0) {
    faults.push(invalid(urls, nonResourceURLs, 'rules cannot apply to both regular resources and non-resource URLs'));
  }
  return faults;
}

function urlFaults(url: string, field: string): FieldError[] {
  if (url === '*') return [];
  const faults: FieldError[] = [];
  if (!url.startsWith('/')) faults.push(invalid(field, url, "non-resource URL rules must begin with a '/' character"));
  if (url.slice(0, -1).includes('*'))
    faults.push(invalid(field, url, "non-resource URL wildcards '*' must be the final character of the rule"));
  return faults;
}

function stageFaults(omitted: readonly Stage[] = [], path: string): FieldError[] {
  return omitted.flatMap((stage, i) =>
    stages.includes(stage) ? [] : [invalid(`${path}[${i}]`, stage, `allowed stages are ${stages.join(',')}`)],
  );
}
