import { copy, equal } from '#lib/meta/equal.ts';
import { fieldForbidden, invalid, required, type FieldError } from '#lib/meta/errors.ts';
import { formatSelector, fromLabelSelector } from '#lib/meta/selectors.ts';
import { checkWorkloadSelector } from './checks/selectors.ts';
import { nonNegative, optionalOneOf } from './checks/values.ts';
import { ageColumn, containerColumns, nameColumn, text } from './columns.ts';
import { defineKind } from './define-kind.ts';
import type { StatefulSet, StatefulSetSpec } from './gen/apps-v1.ts';
import { checkAlwaysTemplate } from './pod-spec/check.ts';
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
  defaults: ({ spec }) => {
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
  check: ({ spec }, before) => [...checkSpec(spec), ...(before ? checkChange(spec, before.spec) : [])],
  columns: [
    nameColumn,
    text('Ready', ({ spec, status }) => `${status?.readyReplicas ?? 0}/${spec.replicas ?? 1}`),
    ageColumn,
    ...containerColumns<StatefulSet>(({ spec }) => spec.template.spec?.containers),
  ],
});

function checkSpec(spec: StatefulSetSpec): FieldError[] {
  const faults: FieldError[] = [];
  const { podManagementPolicy, updateStrategy = {}, persistentVolumeClaimRetentionPolicy: retention = {} } = spec;
  if (!podManagementPolicy) faults.push(required('spec.podManagementPolicy'));
  else if (!['OrderedReady', 'Parallel'].includes(podManagementPolicy)) {
    faults.push(invalid('spec.podManagementPolicy', podManagementPolicy, "must be 'OrderedReady' or 'Parallel'"));
  }
  const path = 'spec.updateStrategy';
  const { type, rollingUpdate } = updateStrategy;
  if (type === 'OnDelete') {
    if (rollingUpdate) {
      faults.push(invalid(`${path}.rollingUpdate`, rollingUpdate, "only allowed for updateStrategy 'RollingUpdate'"));
    }
  } else if (type === 'RollingUpdate')
    faults.push(...nonNegative(`${path}.rollingUpdate.partition`, rollingUpdate?.partition));
  else faults.push(invalid(path, updateStrategy, "must be 'RollingUpdate' or 'OnDelete'"));
  const at = 'spec.persistentVolumeClaimRetentionPolicy';
  faults.push(...optionalOneOf(`${at}.whenDeleted`, retention.whenDeleted, ['Retain', 'Delete']));
  faults.push(...optionalOneOf(`${at}.whenScaled`, retention.whenScaled, ['Retain', 'Delete']));
  faults.push(...nonNegative('spec.replicas', spec.replicas));
  faults.push(...nonNegative('spec.minReadySeconds', spec.minReadySeconds));
  faults.push(...nonNegative('spec.ordinals.start', spec.ordinals?.start));
  faults.push(...checkWorkloadSelector('statefulset', spec.selector, spec.template));
  // The pods of a set get the claims' volumes by name, so a template may mount what it does not declare itself.
  const template = copy(spec.template);
  const declared = new Set(template.spec?.volumes?.map(({ name }) => name));
  const claims = (spec.volumeClaimTemplates ?? [])
    .map(({ metadata }) => metadata.name)
    .filter((name) => !declared.has(name));
  (template.spec ??= { containers: [] }).volumes ??= [];
  template.spec.volumes.push(...claims.map((name) => ({ name, persistentVolumeClaim: { claimName: name } })));
  faults.push(...checkAlwaysTemplate('spec.template', template, 'StatefulSet'));
  return faults;
}

const mutable = [
  'replicas',
  'ordinals',
  'template',
  'updateStrategy',
  'revisionHistoryLimit',
  'persistentVolumeClaimRetentionPolicy',
  'minReadySeconds',
] as const;

function checkChange(now: StatefulSetSpec, before: StatefulSetSpec): FieldError[] {
  const fixed = (spec: StatefulSetSpec) =>
    Object.entries(spec).filter(([key]) => !(mutable as readonly string[]).includes(key));
  return equal(Object.fromEntries(fixed(now)), Object.fromEntries(fixed(before)))
    ? []
    : [
        fieldForbidden(
          'spec',
          "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
        ),
      ];
}
