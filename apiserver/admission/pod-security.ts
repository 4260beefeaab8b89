/** Holds pods to the Pod Security Standards that their namespace's labels name: refuses them, or warns of them. */
import type { Container, Namespace, Pod, PodSpec } from '#lib/kinds/gen/core-v1.ts';
import { namespace as namespaceKind } from '#lib/kinds/namespace.ts';
import { pod as podKind } from '#lib/kinds/pod.ts';
import { equal } from '#lib/meta/equal.ts';
import { invalidObject } from '#lib/meta/errors.ts';
import type { FieldError } from '#lib/meta/errors.ts';
import type { Subject } from './pod-security/check.ts';
import { detailText, violationsOf } from './pod-security/checks.ts';
import { warningsAbout } from './pod-security/existing-pods.ts';
import { isRelaxed, isSame, policyOf, standardText } from './pod-security/policy.ts';
import type { Standard } from './pod-security/policy.ts';
import { templates } from './pod-security/templates.ts';
import type { TemplateReader } from './pod-security/templates.ts';
import { refusal } from './types.ts';
import type { AdmissionPlugin, AdmissionRequest, Lookup } from './types.ts';

/** Subresources by which a pod's containers do not change. */
const otherSubresources: ReadonlySet<string> = new Set(['binding', 'eviction', 'status']);

/** What a cluster's administrator may set, as upstream's PodSecurityConfiguration. */
export interface PodSecurityOptions {
  /** For namespaces whose labels say nothing, in the words of those labels: `{ 'pod-security.kubernetes.io/enforce': 'baseline' }`. */
  defaults?: Readonly<Record<string, string>>;
  /** Whose pods are not looked at. */
  exemptions?: { usernames?: readonly string[]; namespaces?: readonly string[]; runtimeClasses?: readonly string[] };
}

const prefix = 'pod-security.kubernetes.io';

/** Makes the plugin. Throws for defaults that cannot be read. */
export function makePodSecurity({ defaults: words, exemptions = {} }: PodSecurityOptions = {}): AdmissionPlugin {
  const defaults = policyOf(words);
  const [fault] = defaults.faults;
  if (fault) throw new TypeError(`Cannot run PodSecurity: ${fault.field}: ${fault.message}`);
  const policyIn = (namespace: string, look: Lookup) =>
    policyOf(look.get(namespaceKind, { namespace: '', name: namespace })?.metadata.labels, defaults);
  const { usernames = [], namespaces = [], runtimeClasses = [] } = exemptions;
  const isExemptClass = ({ runtimeClassName: name }: PodSpec) => name !== undefined && runtimeClasses.includes(name);

  /** Why nobody looks at the request; '' when somebody does. */
  const exemption = ({ namespace, caller }: AdmissionRequest) =>
    namespaces.includes(namespace) ? 'namespace' : usernames.includes(caller.name) ? 'user' : '';
  const exempt = ({ annotate }: AdmissionRequest, by: string) => annotate?.(`${prefix}/exempt`, by);

  const judgePod = (request: AdmissionRequest, look: Lookup) => {
    if (otherSubresources.has(request.subresource)) return;
    const by = exemption(request);
    if (by) return exempt(request, by);
    const { enforce, audit, warn, faults } = policyIn(request.namespace, look);
    if (faults.length === 0 && [enforce, audit, warn].every(({ level }) => level === 'privileged')) {
      return request.annotate?.(`${prefix}/enforce-policy`, standardText(enforce));
    }
    const pod = request.object as Pod;
    if (request.before && !changesContainers(pod, request.before as Pod)) return;
    if (isExemptClass(pod.spec)) return exempt(request, 'runtimeClass');
    const subject = { annotations: pod.metadata.annotations, spec: pod.spec };
    tellFaults(request, faults);
    request.annotate?.(`${prefix}/enforce-policy`, standardText(enforce));
    noteOf(request, audit, subject);
    const violations = violationsOf(enforce, subject);
    if (violations.length > 0) {
      throw refusal(request, `violates PodSecurity "${standardText(enforce)}": ${detailText(violations)}`);
    }
    warnOf(request, warn, subject);
  };

  const judgeTemplate = (request: AdmissionRequest, read: TemplateReader, look: Lookup) => {
    const by = exemption(request);
    if (by) return exempt(request, by);
    const { audit, warn, faults } = policyIn(request.namespace, look);
    if (faults.length === 0 && audit.level === 'privileged' && warn.level === 'privileged') return;
    const template = read(request.object);
    if (!template?.spec) return;
    if (isExemptClass(template.spec)) return exempt(request, 'runtimeClass');
    const subject = { annotations: template.metadata?.annotations, spec: template.spec };
    tellFaults(request, faults);
    noteOf(request, audit, subject);
    warnOf(request, warn, subject);
  };

  /** Labels must be readable; of a stricter level, the user learns which pods it would refuse. */
  const judgeNamespace = (request: AdmissionRequest, look: Lookup) => {
    const { name, kind, before } = request;
    const now = policyOf((request.object as Namespace).metadata.labels, defaults);
    const was = before && policyOf(before.metadata.labels, defaults);
    if (now.faults.length > 0 && !equal(now.faults, was?.faults)) throw invalidObject(kind, name, now.faults);
    const { enforce } = now;
    if (!was || enforce.level === 'privileged') return;
    if (isSame(enforce, was.enforce) || isRelaxed(enforce, was.enforce)) return;
    if (namespaces.includes(name)) return exempt(request, 'namespace');
    const pods = [...look.list(podKind, name)].filter(({ spec }) => !isExemptClass(spec));
    for (const text of warningsAbout(name, enforce, pods)) request.warn(text);
  };

  return {
    name: 'PodSecurity',
    validate(request, look) {
      if (request.operation === 'DELETE') return;
      if (request.kind === podKind) return judgePod(request, look);
      if (request.subresource !== '') return;
      if (request.kind === namespaceKind) return judgeNamespace(request, look);
      const read = templates.get(request.kind);
      if (read) judgeTemplate(request, read, look);
    },
  };
}

function tellFaults({ annotate }: AdmissionRequest, faults: readonly FieldError[]): void {
  if (faults.length === 0) return;
  const texts = faults.map(({ field, message }) => `${field}: ${message}`);
  annotate?.(`${prefix}/error`, `Failed to parse policy: ${texts.length === 1 ? texts[0]! : `[${texts.join(', ')}]`}`);
}

/** What the audit log is told. */
function noteOf({ annotate }: AdmissionRequest, standard: Standard, subject: Subject): void {
  const violations = annotate ? violationsOf(standard, subject) : [];
  if (violations.length === 0) return;
  annotate!(
    `${prefix}/audit-violations`,
    `would violate PodSecurity "${standardText(standard)}": ${detailText(violations)}`,
  );
}

function warnOf(request: AdmissionRequest, standard: Standard, subject: Subject): void {
  const violations = violationsOf(standard, subject);
  if (violations.length === 0) return;
  request.warn(`would violate PodSecurity "${standardText(standard)}": ${detailText(violations)}`);
}

/** Whether an update changes anything that a pod can still change and that a check may look at. */
function changesContainers({ spec }: Pod, { spec: before }: Pod): boolean {
  const images = (containers: readonly Pick<Container, 'name' | 'image'>[] = []) =>
    containers.map(({ name, image }) => [name, image]);
  return (['containers', 'initContainers', 'ephemeralContainers'] as const).some(
    (list) => !equal(images(spec[list]), images(before[list])),
  );
}
