import { nameColumn, text } from './columns.ts';
import { defineKind } from './define-kind.ts';
import type { ComponentStatus } from './gen/core-v1.ts';

export const componentStatus = defineKind<ComponentStatus>({
  group: '',
  version: 'v1',
  kind: 'ComponentStatus',
  description: 'The health of a part of the control plane. Deprecated: ask the part itself.',
  plural: 'componentstatuses',
  short: ['cs'],
  namespaced: false,
  schema: 'io.k8s.api.core.v1.ComponentStatus',
  verbs: ['get', 'list'],
  deprecation: 'v1 ComponentStatus is deprecated in v1.19+',
  columns: [
    nameColumn,
    text('Status', (object) => {
      const { status = 'Unknown' } = healthOf(object) ?? {};
      return status === 'Unknown' ? 'Unknown' : status === 'True' ? 'Healthy' : 'Unhealthy';
    }),
    text('Message', (object) => healthOf(object)?.message ?? ''),
    text('Error', (object) => healthOf(object)?.error ?? ''),
  ],
});

function healthOf({ conditions }: ComponentStatus) {
  return conditions?.find(({ type }) => type === 'Healthy');
}
