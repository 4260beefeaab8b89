import { equal } from '#lib/meta/equal.ts';
import { invalid, notSupported, required, type FieldError } from '#lib/meta/errors.ts';
import { atMostWhole, intOrPercent } from './checks/values.ts';
import { checkWorkload, isZero } from './checks/workloads.ts';
import { ageColumn, containerColumns, formatLabels, integer, nameColumn, selectorColumn, text } from './columns.ts';
import { defineKind } from './define-kind.ts';
import type { DaemonSet, DaemonSetSpec } from './gen/apps-v1.ts';
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
  check: ({ spec }, before) => [...checkWorkload('daemonset', 'DaemonSet', spec, before?.spec), ...checkStrategy(spec)],
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
  if (type !== 'RollingUpdate') return [notSupported(`${path}.type`, type, ['RollingUpdate', 'OnDelete'])];
  if (!rollingUpdate) return [required(`${path}.rollingUpdate`)];
  const { maxUnavailable, maxSurge } = rollingUpdate;
  const at = `${path}.rollingUpdate`;
  const faults = [
    ...intOrPercent(`${at}.maxUnavailable`, maxUnavailable),
    ...atMostWhole(`${at}.maxUnavailable`, maxUnavailable),
    ...intOrPercent(`${at}.maxSurge`, maxSurge),
    ...atMostWhole(`${at}.maxSurge`, maxSurge),
  ];
  if (isZero(maxUnavailable) && isZero(maxSurge)) {
    faults.push(invalid(`${at}.maxUnavailable`, maxUnavailable, 'cannot be 0 when maxSurge is 0'));
  } else if (!isZero(maxUnavailable) && !isZero(maxSurge)) {
    faults.push(invalid(`${at}.maxSurge`, maxSurge, 'may not be set when maxUnavailable is non-zero'));
  }
  return faults;
}
