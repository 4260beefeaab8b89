import { equal } from '#lib/meta/equal.ts';
import { fieldForbidden, invalid, required, type FieldError } from '#lib/meta/errors.ts';
import { labelNameFaults } from '#lib/meta/names.ts';
import { formatSelector, fromLabelSelector } from '#lib/meta/selectors.ts';
import { goStruct } from './checks/go-value.ts';
import { checkAnnotations, checkLabels } from './checks/metadata.ts';
import { checkWorkloadSelector, goSelector, isEmpty, isReadable } from './checks/selectors.ts';
import { nonNegative, optionalOneOf } from './checks/values.ts';
import { checkCounts, checkTemplateLabels } from './checks/workloads.ts';
import { ageColumn, containerColumns, nameColumn, text } from './columns.ts';
import { changedTemplateWarnings } from './checks/workload-warnings.ts';
import { claimWarnings } from './pod-spec/claim-warnings.ts';
import { defineKind } from './define-kind.ts';
import type { StatefulSet, StatefulSetSpec, StatefulSetUpdateStrategy } from './gen/apps-v1.ts';
import type { PodSpec } from './gen/core-v1.ts';
import { checkPodAnnotations } from './pod-spec/check-annotations.ts';
import { checkAlwaysRuns } from './pod-spec/check.ts';
import { setTemplateDefaults } from './pod-spec/defaults.ts';
import { setVolumeClaimDefaults } from './pod-spec/volume-claim-defaults.ts';

export const statefulSet = defineKind<StatefulSet>({
  group: 'apps',
  version: 'v1',
  kind: 'StatefulSet',
  description: 'Runs pods with lasting names and storage, one after the other.',
  plural: 'statefulsets',
  short: ['sts'],
  categories: ['all'],
  namespaced: true,
  schema: 'io.k8s.api.apps.v1.StatefulSet',
  nameFaults: labelNameFaults,
  status: true,
  generation: true,
  scale: {
    replicas: (object) => object.spec.replicas ?? 1,
    setReplicas: (object, replicas) => {
      object.spec.replicas = replicas;
    },
    status: (object) => object.status?.replicas ?? 0,
    selector: (object) => formatSelector(fromLabelSelector(object.spec.selector) ?? []),
  },
  defaults: ({ spec, status }) => {
    if (status) status.availableReplicas ??= 0;
    spec.podManagementPolicy ||= 'OrderedReady';
    spec.updateStrategy ??= {};
    spec.updateStrategy.type ||= 'RollingUpdate';
    if (spec.updateStrategy.type === 'RollingUpdate') {
      spec.updateStrategy.rollingUpdate ??= {};
      spec.updateStrategy.rollingUpdate.partition ??= 0;
    }
    spec.persistentVolumeClaimRetentionPolicy ??= {};
    spec.persistentVolumeClaimRetentionPolicy.whenDeleted ||= 'Retain';
    spec.persistentVolumeClaimRetentionPolicy.whenScaled ||= 'Retain';
    spec.replicas ??= 1;
    spec.revisionHistoryLimit ??= 10;
    setTemplateDefaults((spec.template ??= {}));
    for (const claim of spec.volumeClaimTemplates ?? []) {
      claim.apiVersion = 'v1';
      claim.kind = 'PersistentVolumeClaim';
      claim.status ??= { phase: 'Pending' };
      setVolumeClaimDefaults(claim.spec);
    }
  },
  prepareCreate: (object) => {
    object.status = { replicas: 0, availableReplicas: 0 };
  },
  check: ({ spec }, before) => [...checkSpec(spec), ...(before ? checkChange(spec, before.spec) : [])],
  checkStatus: ({ status }, before) =>
    checkCounts(status, before.status, {
      counts: [
        'replicas',
        'readyReplicas',
        'currentReplicas',
        'updatedReplicas',
        'availableReplicas',
        'observedGeneration',
      ],
      parts: ['readyReplicas', 'currentReplicas', 'updatedReplicas', 'availableReplicas'],
      shownAs: 'status.readyReplicas',
    }),
  warnings: (object, before) => [
    ...changedTemplateWarnings(object, before),
    ...(before && before.metadata.generation === object.metadata.generation ? [] : setWarnings(object.spec)),
  ],
  columns: [
    nameColumn,
    text('Ready', ({ spec, status }) => `${status?.readyReplicas ?? 0}/${spec.replicas ?? 1}`),
    ageColumn,
    ...containerColumns<StatefulSet>(({ spec }) => spec.template.spec?.containers),
  ],
});

function setWarnings({ volumeClaimTemplates = [], revisionHistoryLimit = 0 }: StatefulSetSpec): string[] {
  const all = 'a negative value retains all historical revisions; a value >= 0 is recommended';
  return [
    ...volumeClaimTemplates.flatMap(({ spec }, i) => claimWarnings(`spec.volumeClaimTemplates[${i}].Spec`, spec)),
    ...(revisionHistoryLimit < 0 ? [`spec.revisionHistoryLimit: ${all}`] : []),
  ];
}

function checkSpec(spec: StatefulSetSpec): FieldError[] {
  const { podManagementPolicy, updateStrategy = {}, persistentVolumeClaimRetentionPolicy: retention, template } = spec;
  const faults: FieldError[] = [];
  if (!podManagementPolicy) faults.push(required('spec.podManagementPolicy'));
  else if (!['OrderedReady', 'Parallel'].includes(podManagementPolicy)) {
    faults.push(invalid('spec.podManagementPolicy', podManagementPolicy, "must be 'OrderedReady' or 'Parallel'"));
  }
  faults.push(...checkStrategy('spec.updateStrategy', updateStrategy));
  for (const when of ['whenDeleted', 'whenScaled'] as const) {
    const at = `spec.persistentVolumeClaimRetentionPolicy.${when}`;
    if (retention) faults.push(...optionalOneOf(at, retention[when], ['Retain', 'Delete']));
  }
  return [
    ...faults,
    ...nonNegative('spec.replicas', spec.replicas),
    ...nonNegative('spec.minReadySeconds', spec.minReadySeconds),
    ...nonNegative('spec.ordinals.start', spec.ordinals?.start),
    ...checkWorkloadSelector('statefulset', spec.selector),
    ...(isReadable(spec.selector) ? checkTemplate(spec) : [invalid('spec.selector', goSelector(spec.selector), '')]),
    ...checkAlwaysRuns('spec.template', template, 'StatefulSet'),
  ];
}

const noSpec: PodSpec = { containers: [] };

/** The rest of the template is looked at when pods are made of it: upstream does not know here which volumes they will have. */
function checkTemplate({ selector, template }: StatefulSetSpec): FieldError[] {
  return [
    ...(isEmpty(selector) ? [] : checkTemplateLabels(selector, template)),
    ...checkLabels('spec.template.labels', template.metadata?.labels),
    ...checkAnnotations('spec.template.annotations', template.metadata?.annotations),
    ...checkPodAnnotations('spec.template.annotations', template.metadata?.annotations, template.spec ?? noSpec),
  ];
}

function checkStrategy(path: string, strategy: StatefulSetUpdateStrategy): FieldError[] {
  const { type, rollingUpdate } = strategy;
  switch (type) {
    case undefined:
      return [required(path)];
    case 'OnDelete': {
      if (!rollingUpdate) return [];
      const shown = goStruct('io.k8s.api.apps.v1.RollingUpdateStatefulSetStrategy', rollingUpdate);
      return [invalid(`${path}.rollingUpdate`, shown, "only allowed for updateStrategy 'RollingUpdate'")];
    }
    case 'RollingUpdate':
      return nonNegative(`${path}.rollingUpdate.partition`, rollingUpdate?.partition);
    default: {
      const shown = goStruct('io.k8s.api.apps.v1.StatefulSetUpdateStrategy', strategy);
      return [invalid(path, shown, "must be 'RollingUpdate' or 'OnDelete'")];
    }
  }
}

const mutable: readonly string[] = [
  'replicas',
  'ordinals',
  'template',
  'updateStrategy',
  'persistentVolumeClaimRetentionPolicy',
  'minReadySeconds',
];

function checkChange(now: StatefulSetSpec, before: StatefulSetSpec): FieldError[] {
  const fixed = (spec: StatefulSetSpec) =>
    Object.fromEntries(Object.entries(spec).filter(([key]) => !mutable.includes(key)));
  if (equal(fixed(now), fixed(before))) return [];
  const names = mutable.map((name) => `'${name}'`);
  const list = `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
  return [fieldForbidden('spec', `updates to statefulset spec for fields other than ${list} are forbidden`)];
}
