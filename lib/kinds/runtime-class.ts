import { labelNameFaults } from '#lib/meta/names.ts';
import { checkLabels, unchanged } from './checks/metadata.ts';
import { grammar } from './checks/values.ts';
import { ageColumn, nameColumn, text } from './columns.ts';
import { mapWarnings } from './checks/node-label-warnings.ts';
import { defineKind } from './define-kind.ts';
import type { RuntimeClass } from './gen/node-v1.ts';
import { checkTolerations } from './pod-spec/check-scheduling.ts';
import { checkOverhead } from './pod-spec/check.ts';

export const runtimeClass = defineKind<RuntimeClass>({
  group: 'node.k8s.io',
  version: 'v1',
  kind: 'RuntimeClass',
  description: 'A way of running containers, such as within a virtual machine.',
  plural: 'runtimeclasses',
  namespaced: false,
  createdByUpdate: true,
  namesVersion: true,
  schema: 'io.k8s.api.node.v1.RuntimeClass',
  check: ({ handler, overhead, scheduling }, before) => [
    ...(before ? unchanged('handler', handler, before.handler) : grammar('handler', handler, labelNameFaults)),
    ...checkOverhead('overhead.podFixed', overhead?.podFixed),
    ...checkLabels('scheduling.nodeSelector', scheduling?.nodeSelector),
    ...checkTolerations('scheduling.tolerations', scheduling?.tolerations),
  ],
  warnings: ({ scheduling }) => mapWarnings(() => 'scheduling.nodeSelector', scheduling?.nodeSelector),
  columns: [nameColumn, text('Handler', ({ handler }) => handler), ageColumn],
});
