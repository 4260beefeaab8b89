import { formatSelector, fromLabelSelector } from '#lib/meta/selectors.ts';
import { unchangedSelector } from './checks/selectors.ts';
import { nonNegative } from './checks/values.ts';
import { checkReplicaStatus, checkSelectedTemplate } from './checks/workloads.ts';
import { ageColumn, containerColumns, integer, nameColumn, selectorColumn } from './columns.ts';
import { makerWarnings } from './checks/workload-warnings.ts';
import { defineKind } from './define-kind.ts';
import type { ReplicaSet } from './gen/apps-v1.ts';
import { setTemplateDefaults } from './pod-spec/defaults.ts';

export const replicaSet = defineKind<ReplicaSet>({
  group: 'apps',
  version: 'v1',
  kind: 'ReplicaSet',
  description: 'Keeps a number of identical pods running; usually made by a Deployment.',
  plural: 'replicasets',
  short: ['rs'],
  categories: ['all'],
  namespaced: true,
  schema: 'io.k8s.api.apps.v1.ReplicaSet',
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
    spec.replicas ??= 1;
    setTemplateDefaults((spec.template ??= {}));
  },
  check: ({ spec }, before) => [
    ...nonNegative('spec.replicas', spec.replicas),
    ...nonNegative('spec.minReadySeconds', spec.minReadySeconds),
    ...checkSelectedTemplate(spec),
    ...(before ? unchangedSelector(spec.selector, before.spec.selector) : []),
  ],
  checkStatus: ({ status }) => checkReplicaStatus(status),
  warnings: (object, before) => makerWarnings(object, before),
  columns: [
    nameColumn,
    integer('Desired', ({ spec }) => spec.replicas ?? 1),
    integer('Current', ({ status }) => status?.replicas ?? 0),
    integer('Ready', ({ status }) => status?.readyReplicas ?? 0),
    ageColumn,
    ...containerColumns<ReplicaSet>(({ spec }) => spec.template?.spec?.containers),
    selectorColumn(({ spec }) => spec.selector),
  ],
  fields: { 'status.replicas': ({ status }) => String(status?.replicas ?? 0) },
});
