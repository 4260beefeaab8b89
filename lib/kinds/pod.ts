import { fieldForbidden, type FieldError } from '#lib/meta/errors.ts';
import { formatTime } from '#lib/meta/time.ts';
import { nameWarnings } from './checks/name-warnings.ts';
import { defineKind } from './define-kind.ts';
import type { Pod, PodAffinityTerm } from './gen/core-v1.ts';
import { checkAnnotationUpdate, checkPodAnnotations } from './pod-spec/check-annotations.ts';
import { mirrorAppArmor } from './pod-spec/app-armor.ts';
import { checkEphemeralUpdate } from './pod-spec/check-ephemeral.ts';
import { checkPodResize } from './pod-spec/check-resize.ts';
import { checkPodStatusUpdate } from './pod-spec/check-status.ts';
import { checkPodUpdate } from './pod-spec/check-update.ts';
import { checkPodSpec } from './pod-spec/check.ts';
import { podColumns } from './pod-spec/columns.ts';
import { setPodDefaults, setPodSpecDefaults } from './pod-spec/defaults.ts';
import { qosClassOf } from './pod-spec/resources.ts';
import { podWarnings } from './pod-spec/warnings.ts';

export const pod = defineKind<Pod>({
  group: '',
  version: 'v1',
  kind: 'Pod',
  description: 'Containers that run together on one node, sharing network and volumes.',
  plural: 'pods',
  short: ['po'],
  categories: ['all'],
  namespaced: true,
  schema: 'io.k8s.api.core.v1.Pod',
  returnsDeleted: true,
  status: true,
  statusKeeps: ['ownerReferences'],
  subresources: {
    attach: { verbs: ['create', 'get'], kind: 'PodAttachOptions' },
    binding: { verbs: ['create'], kind: 'Binding' },
    ephemeralcontainers: { verbs: ['get', 'patch', 'update'], kind: 'Pod' },
    eviction: { verbs: ['create'], kind: 'Eviction', group: 'policy', version: 'v1' },
    exec: { verbs: ['create', 'get'], kind: 'PodExecOptions' },
    log: { verbs: ['get'], kind: 'Pod' },
    portforward: { verbs: ['create', 'get'], kind: 'PodPortForwardOptions' },
    proxy: { verbs: ['create', 'delete', 'get', 'patch', 'update'], kind: 'PodProxyOptions' },
    resize: { verbs: ['get', 'patch', 'update'], kind: 'Pod' },
  },
  graceSeconds: (object, asked) => {
    // Nothing runs that would need time to end, before a node has the pod and after the pod has ended.
    const phase = object.status?.phase;
    if (!object.spec.nodeName || phase === 'Succeeded' || phase === 'Failed') return 0;
    const seconds = asked ?? object.spec.terminationGracePeriodSeconds ?? 30;
    return seconds < 0 ? 1 : seconds;
  },
  defaults: (object) => {
    setPodSpecDefaults(object.spec);
    setPodDefaults(object.spec);
    const { status } = object;
    // Who knows the one field only means it.
    if (status?.podIP && status.podIP !== status.podIPs?.[0]?.ip) status.podIPs = [{ ip: status.podIP }];
    else if (status?.podIPs?.[0]?.ip && !status.podIP) status.podIP = status.podIPs[0].ip;
  },
  prepareCreate: (object, { now, warn }) => {
    object.status = { phase: 'Pending', qosClass: qosClassOf(object.spec) };
    if (object.spec.schedulingGates?.length) {
      object.status.conditions = [
        {
          type: 'PodScheduled',
          status: 'False',
          lastTransitionTime: formatTime(now),
          reason: 'SchedulingGated',
          message: 'Scheduling is blocked due to non-empty scheduling gates',
        },
      ];
    }
    matchOwnLabels(object);
    mirrorAppArmor(object, (text) => warn?.(text));
  },
  prepareStatus: ({ status }, before) => {
    if (status && !status.qosClass && before.status?.qosClass) status.qosClass = before.status.qosClass;
  },
  check: (object, before) =>
    before
      ? [...checkSpec(object), ...checkAnnotationsKept(object, before), ...checkPodUpdate(object, before)]
      : [...checkSpec(object), ...checkNew(object)],
  warnings: (object, before) =>
    before
      ? []
      : [
          ...nameWarnings(object.metadata.name, "the Pod's hostname"),
          ...podWarnings('', object.spec, object.metadata.annotations),
        ],
  checkStatus: (object, before) => [...checkAnnotationsKept(object, before), ...checkPodStatusUpdate(object, before)],
  checkSubresource: (subresource, object, before) => {
    if (subresource === 'ephemeralcontainers') {
      return [...checkSpec(object), ...checkAnnotationsKept(object, before), ...checkEphemeralUpdate(object, before)];
    }
    return subresource === 'resize' ? [...checkSpec(object), ...checkPodResize(object, before)] : [];
  },
  columns: podColumns,
  fields: {
    'spec.nodeName': (object) => object.spec.nodeName ?? '',
    'spec.restartPolicy': (object) => object.spec.restartPolicy ?? '',
    'spec.schedulerName': (object) => object.spec.schedulerName ?? '',
    'spec.serviceAccountName': (object) => object.spec.serviceAccountName ?? '',
    'spec.hostNetwork': (object) => String(object.spec.hostNetwork ?? false),
    'status.phase': (object) => object.status?.phase ?? '',
    'status.podIP': (object) => object.status?.podIP ?? '',
    'status.podIPs': (object) => (object.status?.podIPs ?? []).map(({ ip }) => ip).join(','),
    'status.nominatedNodeName': (object) => object.status?.nominatedNodeName ?? '',
  },
});

const annotations = 'metadata.annotations';

function checkSpec({ metadata, spec }: Pod): FieldError[] {
  return [
    ...checkPodAnnotations(annotations, metadata.annotations, spec),
    ...checkPodSpec('spec', spec, { name: metadata.name }),
  ];
}

function checkAnnotationsKept(object: Pod, before: Pod): FieldError[] {
  return checkAnnotationUpdate(annotations, object.metadata.annotations, before.metadata.annotations);
}

function checkNew({ spec }: Pod): FieldError[] {
  const faults: FieldError[] = [];
  if (spec.ephemeralContainers?.length) {
    faults.push(fieldForbidden('spec.ephemeralContainers', 'cannot be set on create'));
  }
  if (spec.nodeName && spec.schedulingGates?.length) {
    faults.push(fieldForbidden('spec.nodeName', 'cannot be set until all schedulingGates have been cleared'));
  }
  return faults;
}

/** Turns `matchLabelKeys` of affinity terms into requirements on the values this pod's labels have now. */
function matchOwnLabels({ metadata, spec }: Pod): void {
  const { podAffinity, podAntiAffinity } = spec.affinity ?? {};
  const terms: PodAffinityTerm[] = [podAffinity, podAntiAffinity].flatMap((rules) => [
    ...(rules?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
    ...(rules?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map(({ podAffinityTerm }) => podAffinityTerm),
  ]);
  for (const { labelSelector, matchLabelKeys = [], mismatchLabelKeys = [] } of terms) {
    if (!labelSelector) continue;
    for (const [operator, keys] of [
      ['In', matchLabelKeys],
      ['NotIn', mismatchLabelKeys],
    ] as const) {
      for (const key of keys) {
        const value = metadata.labels?.[key];
        if (value !== undefined) (labelSelector.matchExpressions ??= []).push({ key, operator, values: [value] });
      }
    }
  }
}
