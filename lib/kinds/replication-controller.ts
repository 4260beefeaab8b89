import { required, type FieldError } from '#lib/meta/errors.ts';
import { formatSelector, fromMap } from '#lib/meta/selectors.ts';
import { nonNegative } from './checks/values.ts';
import { checkReplicaStatus, checkTemplateLabels } from './checks/workloads.ts';
import { ageColumn, containerColumns, formatLabels, integer, nameColumn, text, wide } from './columns.ts';
import { makerWarnings } from './checks/workload-warnings.ts';
import { defineKind } from './define-kind.ts';
import type { PodTemplateSpec, ReplicationController, ReplicationControllerSpec } from './gen/core-v1.ts';
import { checkAlwaysTemplate } from './pod-spec/check.ts';
import { setTemplateDefaults } from './pod-spec/defaults.ts';

export const replicationController = defineKind<ReplicationController>({
  group: '',
  version: 'v1',
  kind: 'ReplicationController',
  description: 'Keeps a number of identical pods running. Deployment is its successor.',
  plural: 'replicationcontrollers',
  short: ['rc'],
  categories: ['all'],
  namespaced: true,
  dependents: 'orphaned',
  schema: 'io.k8s.api.core.v1.ReplicationController',
  status: true,
  generation: true,
  scale: {
    replicas: (object) => object.spec.replicas ?? 1,
    setReplicas: (object, replicas) => {
      object.spec.replicas = replicas;
    },
    status: (object) => object.status?.replicas ?? 0,
    selector: (object) => formatSelector(fromMap(object.spec.selector) ?? []),
  },
  defaults: ({ metadata, spec }) => {
    // This oldest of workloads takes its selector and its labels from its template.
    const labels = spec.template?.metadata?.labels;
    if (labels && Object.keys(spec.selector ?? {}).length === 0) spec.selector = { ...labels };
    if (labels && Object.keys(metadata.labels ?? {}).length === 0) metadata.labels = { ...labels };
    spec.replicas ??= 1;
    if (spec.template) setTemplateDefaults(spec.template);
  },
  check: ({ spec }) => [
    ...nonNegative('spec.minReadySeconds', spec.minReadySeconds),
    ...(fromMap(spec.selector) ? [] : [required('spec.selector')]),
    ...nonNegative('spec.replicas', spec.replicas),
    ...(spec.template ? checkTemplate(spec, spec.template) : [required('spec.template')]),
  ],
  checkStatus: ({ status }) => checkReplicaStatus(status),
  warnings: (object, before) => makerWarnings(object, before),
  columns: [
    nameColumn,
    integer('Desired', ({ spec }) => spec.replicas ?? 1),
    integer('Current', ({ status }) => status?.replicas ?? 0),
    integer('Ready', ({ status }) => status?.readyReplicas ?? 0),
    ageColumn,
    ...containerColumns<ReplicationController>(({ spec }) => spec.template?.spec?.containers),
    wide(text('Selector', ({ spec }) => formatLabels(spec.selector))),
  ],
  fields: { 'status.replicas': ({ status }) => String(status?.replicas ?? 0) },
});

function checkTemplate({ selector }: ReplicationControllerSpec, template: PodTemplateSpec): FieldError[] {
  return [
    ...(fromMap(selector) ? checkTemplateLabels({ matchLabels: selector }, template) : []),
    ...checkAlwaysTemplate('spec.template', template, 'ReplicationController'),
  ];
}
