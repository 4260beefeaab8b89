import { equal } from '#lib/meta/equal.ts';
import { fieldForbidden, invalid, notSupported, required, type FieldError } from '#lib/meta/errors.ts';
import { formatSelector, fromLabelSelector } from '#lib/meta/selectors.ts';
import { goIntOrString } from '#lib/meta/go-text.ts';
import { goStruct } from './checks/go-value.ts';
import { unchangedSelector } from './checks/selectors.ts';
import { atMostWhole, intOrPercent, isZero, nonNegative } from './checks/values.ts';
import { checkCounts, checkSelectedTemplate } from './checks/workloads.ts';
import { ageColumn, containerColumns, nameColumn, selectorColumn, text } from './columns.ts';
import { makerWarnings } from './checks/workload-warnings.ts';
import { defineKind } from './define-kind.ts';
import type { Deployment, DeploymentSpec } from './gen/apps-v1.ts';
import { setTemplateDefaults } from './pod-spec/defaults.ts';

export const deployment = defineKind<Deployment>({
  group: 'apps',
  version: 'v1',
  kind: 'Deployment',
  description: 'Runs identical pods and replaces them step by step when their template changes.',
  plural: 'deployments',
  short: ['deploy'],
  categories: ['all'],
  namespaced: true,
  schema: 'io.k8s.api.apps.v1.Deployment',
  status: true,
  statusKeeps: ['labels'],
  generation: ({ metadata, spec }, before) =>
    !equal(spec, before.spec) || !equal(metadata.annotations ?? {}, before.metadata.annotations ?? {}),
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
    spec.strategy ??= {};
    spec.strategy.type ||= 'RollingUpdate';
    if (spec.strategy.type === 'RollingUpdate') {
      spec.strategy.rollingUpdate ??= {};
      spec.strategy.rollingUpdate.maxUnavailable ??= '25%';
      spec.strategy.rollingUpdate.maxSurge ??= '25%';
    }
    spec.revisionHistoryLimit ??= 10;
    spec.progressDeadlineSeconds ??= 600;
    setTemplateDefaults((spec.template ??= {}));
  },
  check: ({ spec }, before) => [
    ...nonNegative('spec.replicas', spec.replicas),
    ...checkSelectedTemplate(spec),
    ...checkStrategy(spec),
    ...nonNegative('spec.minReadySeconds', spec.minReadySeconds),
    ...nonNegative('spec.revisionHistoryLimit', spec.revisionHistoryLimit),
    ...checkDeadline(spec),
    ...(before ? unchangedSelector(spec.selector, before.spec.selector) : []),
  ],
  checkStatus: ({ status }, before) =>
    checkCounts(status, before.status, {
      counts: [
        'observedGeneration',
        'replicas',
        'updatedReplicas',
        'readyReplicas',
        'availableReplicas',
        'unavailableReplicas',
      ],
      parts: ['updatedReplicas', 'readyReplicas', 'availableReplicas'],
      shownAs: 'readyReplicas',
    }),
  warnings: (object, before) => makerWarnings(object, before),
  columns: [
    nameColumn,
    text('Ready', ({ spec, status }) => `${status?.readyReplicas ?? 0}/${spec.replicas ?? 1}`),
    text('Up-to-date', ({ status }) => status?.updatedReplicas ?? 0),
    text('Available', ({ status }) => status?.availableReplicas ?? 0),
    ageColumn,
    ...containerColumns<Deployment>(({ spec }) => spec.template.spec?.containers),
    selectorColumn(({ spec }) => spec.selector),
  ],
});

function checkStrategy({ strategy = {} }: DeploymentSpec): FieldError[] {
  const path = 'spec.strategy';
  const { type, rollingUpdate } = strategy;
  if (type === 'Recreate') {
    return rollingUpdate
      ? [fieldForbidden(`${path}.rollingUpdate`, "may not be specified when strategy `type` is 'Recreate'")]
      : [];
  }
  if (type !== 'RollingUpdate') {
    const shown = goStruct('io.k8s.api.apps.v1.DeploymentStrategy', strategy);
    return [notSupported(path, shown, ['Recreate', 'RollingUpdate'])];
  }
  if (!rollingUpdate) return [required(`${path}.rollingUpdate`, 'this should be defaulted and never be nil')];
  const { maxUnavailable, maxSurge } = rollingUpdate;
  const at = `${path}.rollingUpdate.maxUnavailable`;
  return [
    ...intOrPercent(at, maxUnavailable),
    ...intOrPercent(`${path}.rollingUpdate.maxSurge`, maxSurge),
    ...(isZero(maxUnavailable) && isZero(maxSurge)
      ? [invalid(at, goIntOrString(maxUnavailable), 'may not be 0 when `maxSurge` is 0')]
      : []),
    ...atMostWhole(at, maxUnavailable),
  ];
}

function checkDeadline({ progressDeadlineSeconds, minReadySeconds = 0 }: DeploymentSpec): FieldError[] {
  const path = 'spec.progressDeadlineSeconds';
  if (progressDeadlineSeconds === undefined) return [];
  const faults = nonNegative(path, progressDeadlineSeconds);
  if (progressDeadlineSeconds <= minReadySeconds) {
    faults.push(invalid(path, progressDeadlineSeconds, 'must be greater than minReadySeconds'));
  }
  return faults;
}
