/** Faults of the rules by which a flow schema chooses requests, as upstream's `apis/flowcontrol/validation`. */
import { fieldForbidden, invalid, notSupported, required, type FieldError } from '#lib/meta/errors.ts';
import { labelNameFaults, subdomainFaults } from '#lib/meta/names.ts';
import type {
  NonResourcePolicyRule,
  PolicyRulesWithSubjects,
  ResourcePolicyRule,
  Subject,
} from '../gen/flowcontrol-v1.ts';
import { grammar } from './values.ts';

const all = '*';
const verbs = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'proxy', 'update', 'watch'];

/** Faults of one entry of `spec.rules`. */
export function checkFlowRule(path: string, rule: PolicyRulesWithSubjects): FieldError[] {
  const { subjects, resourceRules = [], nonResourceRules = [] } = rule;
  const faults = subjects.flatMap((subject, i) => checkSubject(`${path}.subjects[${i}]`, subject));
  if (subjects.length === 0) faults.push(required(`${path}.subjects`, 'subjects must contain at least one value'));
  if (resourceRules.length + nonResourceRules.length === 0) {
    faults.push(required(path, 'at least one of resourceRules and nonResourceRules has to be non-empty'));
  }
  return [
    ...faults,
    ...resourceRules.flatMap((one, i) => checkResourceRule(`${path}.resourceRules[${i}]`, one)),
    ...nonResourceRules.flatMap((one, i) => checkPathRule(`${path}.nonResourceRules[${i}]`, one)),
  ];
}

/** Kind -> the field that describes a subject of it. */
const subjectFields = { Group: 'group', ServiceAccount: 'serviceAccount', User: 'user' } as const;
type SubjectKind = keyof typeof subjectFields;

function checkSubject(path: string, subject: Subject): FieldError[] {
  const kinds = Object.keys(subjectFields) as SubjectKind[];
  const kind = kinds.find((known) => known === subject.kind);
  if (!kind) return [notSupported(`${path}.kind`, subject.kind, kinds)];
  const field = subjectFields[kind];
  const faults: FieldError[] = [];
  if (!subject[field]) {
    faults.push(required(`${path}.${field}`, `${field} is required when subject kind is '${kind}'`));
  } else if (subject.serviceAccount && kind === 'ServiceAccount') {
    faults.push(...checkServiceAccount(`${path}.${field}`, subject.serviceAccount));
  } else if (!subject[field].name) faults.push(required(`${path}.${field}.name`));
  for (const other of kinds) {
    const foreign = subjectFields[other];
    if (other !== kind && subject[foreign]) {
      faults.push(fieldForbidden(`${path}.${foreign}`, `${foreign} is forbidden when subject kind is not '${other}'`));
    }
  }
  return faults;
}

function checkServiceAccount(path: string, { name, namespace }: { name: string; namespace: string }): FieldError[] {
  const faults: FieldError[] = [];
  if (!name) faults.push(required(`${path}.name`));
  else if (name !== all) faults.push(...grammar(`${path}.name`, name, subdomainFaults));
  if (namespace) faults.push(...grammar(`${path}.namespace`, namespace, labelNameFaults));
  else faults.push(required(`${path}.namespace`, 'must specify namespace for service account'));
  return faults;
}

function checkResourceRule(path: string, rule: ResourcePolicyRule): FieldError[] {
  const { namespaces = [] } = rule;
  const faults = [
    ...checkVerbs(`${path}.verbs`, rule.verbs),
    ...checkList(
      `${path}.apiGroups`,
      rule.apiGroups,
      'resource rules must supply at least one api group',
      'api groups',
    ),
    ...checkList(`${path}.resources`, rule.resources, 'resource rules must supply at least one resource', 'resources'),
  ];
  if (namespaces.length === 0) {
    const because = 'resource rules that are not cluster scoped must supply at least one namespace';
    return rule.clusterScope ? faults : [...faults, required(`${path}.namespaces`, because)];
  }
  if (namespaces.includes(all)) return [...faults, ...checkList(`${path}.namespaces`, namespaces, '', 'namespaces')];
  const fault = (name: string) =>
    labelNameFaults(name).map((text) => `each member of this list must be '*' or a DNS-1123 label; ${text}`);
  return [...faults, ...namespaces.flatMap((name, i) => grammar(`${path}.namespaces[${i}]`, name, fault))];
}

function checkPathRule(path: string, { verbs: given, nonResourceURLs: urls }: NonResourcePolicyRule): FieldError[] {
  const at = `${path}.nonResourceURLs`;
  const missing = 'nonResourceURLs must contain at least one value';
  return [
    ...checkVerbs(`${path}.verbs`, given),
    ...checkList(at, urls, missing, 'non-resource URLs'),
    ...(urls.includes(all) ? [] : urls.flatMap((url, i) => checkUrl(`${at}[${i}]`, url))),
  ];
}

function checkVerbs(path: string, given: string[]): FieldError[] {
  const faults = checkList(path, given, 'verbs must contain at least one value', 'verbs');
  if (given.includes(all) || given.every((verb) => verbs.includes(verb))) return faults;
  return [...faults, notSupported(path, given, verbs)];
}

/** A list must not be empty, and what stands for everything stands alone. */
function checkList(path: string, list: string[], missing: string, things: string): FieldError[] {
  if (list.length === 0) return [required(path, missing)];
  if (list.length === 1 || !list.includes(all)) return [];
  return [invalid(path, list, `if '*' is present, must not specify other ${things}`)];
}

function checkUrl(path: string, url: string): FieldError[] {
  if (url === '') return [invalid(path, url, 'must not be empty')];
  if (url === '/') return [];
  if (!url.startsWith('/')) return [invalid(path, url, 'must start with slash')];
  if (url.includes(' ')) return [invalid(path, url, 'must not contain white-space')];
  if (url.includes('//')) return [invalid(path, url, 'must not contain double slash')];
  const stars = url.split(all).length - 1;
  const isSuffix = stars === 0 || (stars === 1 && url.endsWith('/*'));
  return isSuffix ? [] : [invalid(path, url, 'wildcard can only do suffix matching')];
}
