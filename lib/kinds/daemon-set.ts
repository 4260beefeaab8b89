import { equal } from '#lib/meta/equal.ts';
import { invalid, notSupported, required, type FieldError } from '#lib/meta/errors.ts';
import { goIntOrString } from '#lib/meta/go-text.ts';
import { goStruct } from './checks/go-value.ts';
import { checkLabelSelector, goSelector, isEmpty, unchangedSelector } from './checks/selectors.ts';
import { atMostWhole, intOrPercent, isZero, nonNegative } from './checks/values.ts';
import { checkCounts, checkTemplateLabels } from './checks/workloads.ts';
import { ageColumn, containerColumns, formatLabels, integer, nameColumn, selectorColumn, text } from './columns.ts';
import { changedTemplateWarnings } from './checks/workload-warnings.ts';
import { defineKind } from './define-kind.ts';
import type { DaemonSet, DaemonSetSpec } from './gen/apps-v1.ts';
import { checkAlwaysTemplate } from './pod-spec/check.ts';
import { setTemplateDefaults } from './pod-spec/defaults.ts';

/** Where older clients look for how often the template changed. */
const templateGeneration = 'deprecated.daemonset.template.generation';

export const daemonSet = defineKind<DaemonSet>({
  group: 'apps',
  version: 'v1',
  kind: 'DaemonSet',
  description: 'Runs one copy of a pod on every node that fits.',
  plural: 'daemonsets',
  short: ['ds'],
  categories: ['all'],
  namespaced: true,
  schema: 'io.k8s.api.apps.v1.DaemonSet',
  status: true,
  generation: true,
  defaults: ({ spec }) => {
    spec.updateStrategy ??= {};
    spec.updateStrategy.type ||= 'RollingUpdate';
    if (spec.updateStrategy.type === 'RollingUpdate') {
      spec.updateStrategy.rollingUpdate ??= {};
      spec.updateStrategy.rollingUpdate.maxUnavailable ??= 1;
      spec.updateStrategy.rollingUpdate.maxSurge ??= 0;
    }
    spec.revisionHistoryLimit ??= 10;
    setTemplateDefaults((spec.template ??= {}));
  },
  prepareCreate: (object) => {
    delete object.status;
    (object.metadata.annotations ??= {})[templateGeneration] = '1';
  },
  prepareUpdate: (object, before) => {
    const count = Number(before.metadata.annotations?.[templateGeneration] ?? 1);
    const changed = !equal(object.spec.template, before.spec.template);
    (object.metadata.annotations ??= {})[templateGeneration] = String(count + (changed ? 1 : 0));
  },
  check: ({ spec }, before) => [
    ...(spec.selector ? checkLabelSelector('spec.selector', spec.selector) : []),
    ...checkTemplateLabels(spec.selector, spec.template),
    ...(isEmpty(spec.selector)
      ? [invalid('spec.selector', goSelector(spec.selector), 'empty selector is invalid for daemonset')]
      : []),
    ...checkAlwaysTemplate('spec.template', spec.template, 'DaemonSet'),
    ...nonNegative('spec.minReadySeconds', spec.minReadySeconds),
    ...checkStrategy(spec),
    ...nonNegative('spec.revisionHistoryLimit', spec.revisionHistoryLimit),
    ...(before ? unchangedSelector(spec.selector, before.spec.selector) : []),
  ],
  checkStatus: ({ status }, before) =>
    checkCounts(status, before.status, {
      counts: [
        'currentNumberScheduled',
        'numberMisscheduled',
        'desiredNumberScheduled',
        'numberReady',
        'observedGeneration',
        'updatedNumberScheduled',
        'numberAvailable',
        'numberUnavailable',
      ],
    }),
  warnings: (object, before) => changedTemplateWarnings(object, before),
  columns: [
    nameColumn,
    integer('Desired', ({ status }) => status?.desiredNumberScheduled ?? 0),
    integer('Current', ({ status }) => status?.currentNumberScheduled ?? 0),
    integer('Ready', ({ status }) => status?.numberReady ?? 0),
    integer('Up-to-date', ({ status }) => status?.updatedNumberScheduled ?? 0),
    integer('Available', ({ status }) => status?.numberAvailable ?? 0),
    text('Node Selector', ({ spec }) => formatLabels(spec.template.spec?.nodeSelector)),
    ageColumn,
    ...containerColumns<DaemonSet>(({ spec }) => spec.template.spec?.containers),
    selectorColumn(({ spec }) => spec.selector),
  ],
});

function checkStrategy({ updateStrategy = {} }: DaemonSetSpec): FieldError[] {
  const path = 'spec.updateStrategy';
  const { type, rollingUpdate } = updateStrategy;
  if (type === 'OnDelete') return [];
  if (type !== 'RollingUpdate') {
    const shown = goStruct('io.k8s.api.apps.v1.DaemonSetUpdateStrategy', updateStrategy);
    return [notSupported(path, shown, ['RollingUpdate', 'OnDelete'])];
  }
  if (!rollingUpdate) return [required(`${path}.rollingUpdate`)];
  const { maxUnavailable, maxSurge } = rollingUpdate;
  const at = `${path}.rollingUpdate`;
  const faults = [
    ...intOrPercent(`${at}.maxUnavailable`, maxUnavailable),
    ...intOrPercent(`${at}.maxSurge`, maxSurge),
    ...atMostWhole(`${at}.maxUnavailable`, maxUnavailable),
    ...atMostWhole(`${at}.maxSurge`, maxSurge),
  ];
  if (isZero(maxUnavailable) && isZero(maxSurge)) {
    faults.push(required(`${at}.maxUnavailable`, 'cannot be 0 when maxSurge is 0'));
  } else if (!isZero(maxUnavailable) && !isZero(maxSurge)) {
    faults.push(invalid(`${at}.maxSurge`, goIntOrString(maxSurge), 'may not be set when maxUnavailable is non-zero'));
  }
  return faults;
}
