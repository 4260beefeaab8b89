/** Holds pods to the Pod Security Standards that their namespace's labels name: refuses them, or warns of them. */
import type { Kind } from '#lib/kinds/define-kind.ts';
import type { Container, Namespace, Pod, PodTemplateSpec } from '#lib/kinds/gen/core-v1.ts';
import { cronJob } from '#lib/kinds/cron-job.ts';
import { daemonSet } from '#lib/kinds/daemon-set.ts';
import { deployment } from '#lib/kinds/deployment.ts';
import { job } from '#lib/kinds/job.ts';
import { namespace as namespaceKind } from '#lib/kinds/namespace.ts';
import { podTemplate } from '#lib/kinds/pod-template.ts';
import { pod as podKind } from '#lib/kinds/pod.ts';
import { replicaSet } from '#lib/kinds/replica-set.ts';
import { replicationController } from '#lib/kinds/replication-controller.ts';
import { statefulSet } from '#lib/kinds/stateful-set.ts';
import { equal } from '#lib/meta/equal.ts';
import { invalidObject } from '#lib/meta/errors.ts';
import type { Resource } from '#lib/meta/object.ts';
import type { Subject } from './pod-security/check.ts';
import { detailText, violationsOf } from './pod-security/checks.ts';
import { isRelaxed, isSame, policyOf, standardText } from './pod-security/policy.ts';
import type { Standard } from './pod-security/policy.ts';
import { refusal } from './types.ts';
import type { AdmissionPlugin, AdmissionRequest, Lookup } from './types.ts';

/** Where each kind that makes pods keeps what they are to be like. */
type TemplateReader = (object: Resource) => PodTemplateSpec | undefined;

const inSpec: TemplateReader = (object) =>
  (object as { spec?: { template?: PodTemplateSpec } } & Resource).spec?.template;
const templates = new Map<Kind, TemplateReader>([
  ...[daemonSet, deployment, job, replicaSet, replicationController, statefulSet].map(
    (kind) => [kind as Kind, inSpec] as const,
  ),
  [podTemplate, (object) => (object as { template?: PodTemplateSpec } & Resource).template],
  [
    cronJob,
    (object) =>
      (object as { spec?: { jobTemplate?: { spec?: { template?: PodTemplateSpec } } } } & Resource).spec?.jobTemplate
        ?.spec?.template,
  ],
]);

/** Subresources by which a pod's containers do not change. */
const otherSubresources: ReadonlySet<string> = new Set(['binding', 'eviction', 'status']);

/** Pods that a changed label is checked against at most. */
const podsToCheck = 3000;

export const podSecurity: AdmissionPlugin = {
  name: 'PodSecurity',
  validate(request, look) {
    if (request.operation === 'DELETE') return;
    if (request.kind === podKind) return judgePod(request, look);
    if (request.subresource !== '') return;
    if (request.kind === namespaceKind) return judgeNamespace(request, look);
    const read = templates.get(request.kind);
    if (!read) return;
    const { audit, warn } = standardsOf(request, look);
    const template = audit.level === 'privileged' && warn.level === 'privileged' ? undefined : read(request.object);
    if (!template?.spec) return;
    const subject = { annotations: template.metadata?.annotations, spec: template.spec };
    noteOf(request, audit, subject);
    warnOf(request, warn, subject);
  },
};

function standardsOf({ namespace }: AdmissionRequest, look: Lookup): ReturnType<typeof policyOf> {
  return policyOf(look.get(namespaceKind, { namespace: '', name: namespace })?.metadata.labels);
}

function judgePod(request: AdmissionRequest, look: Lookup): void {
  if (otherSubresources.has(request.subresource)) return;
  const { enforce, audit, warn } = standardsOf(request, look);
  if ([enforce, audit, warn].every(({ level }) => level === 'privileged')) return;
  const pod = request.object as Pod;
  if (request.before && !changesContainers(pod, request.before as Pod)) return;
  const subject = { annotations: pod.metadata.annotations, spec: pod.spec };
  request.annotate?.('pod-security.kubernetes.io/enforce-policy', standardText(enforce));
  noteOf(request, audit, subject);
  const violations = violationsOf(enforce, subject);
  if (violations.length > 0) {
    throw refusal(request, `violates PodSecurity "${standardText(enforce)}": ${detailText(violations)}`);
  }
  warnOf(request, warn, subject);
}

/** What the audit log is told. */
function noteOf({ annotate }: AdmissionRequest, standard: Standard, subject: Subject): void {
  const violations = annotate ? violationsOf(standard, subject) : [];
  if (violations.length === 0) return;
  annotate!(
    'pod-security.kubernetes.io/audit-violations',
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

/** Labels must be readable; of a stricter level, the user learns which pods it would refuse. */
function judgeNamespace(request: AdmissionRequest, look: Lookup): void {
  const { name, kind, before } = request;
  const now = policyOf((request.object as Namespace).metadata.labels);
  const was = before && policyOf(before.metadata.labels);
  if (now.faults.length > 0 && !equal(now.faults, was?.faults)) throw invalidObject(kind, name, now.faults);
  const { enforce } = now;
  if (!was || enforce.level === 'privileged') return;
  if (isSame(enforce, was.enforce) || isRelaxed(enforce, was.enforce)) return;
  for (const text of warningsAbout(name, enforce, look)) request.warn(text);
}

function warningsAbout(namespace: string, enforce: Standard, look: Lookup): string[] {
  const pods = [...look.list(podKind, namespace)];
  const byReasons = Map.groupBy(pods.slice(0, podsToCheck), ({ metadata, spec }) =>
    violationsOf(enforce, { annotations: metadata.annotations, spec })
      .map(({ reason }) => reason)
      .join(', '),
  );
  byReasons.delete('');
  const lines = [...byReasons].map(([reasons, [first, ...others]]) => {
    const more = others.length === 0 ? '' : ` (and ${others.length} other ${others.length === 1 ? 'pod' : 'pods'})`;
    return `${first!.metadata.name}${more}: ${reasons}`;
  });
  return [
    ...(pods.length > podsToCheck
      ? [`new PodSecurity enforce level only checked against the first ${podsToCheck} of ${pods.length} existing pods`]
      : []),
    ...(lines.length > 0
      ? [
          `existing pods in namespace "${namespace}" violate the new PodSecurity enforce level "${standardText(enforce)}"`,
        ]
      : []),
    ...lines.sort(),
  ];
}
