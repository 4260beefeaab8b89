import { ageColumn, nameColumn, text } from './columns.ts';
import { defineKind } from './define-kind.ts';
import type { ResourceQuota } from './gen/core-v1.ts';
import { checkAmounts, checkChange, checkScopes, checkScopeSelector } from './resource-quota-check.ts';

export const resourceQuota = defineKind<ResourceQuota>({
  group: '',
  version: 'v1',
  kind: 'ResourceQuota',
  description: 'A limit on what a namespace may use in sum.',
  plural: 'resourcequotas',
  short: ['quota'],
  namespaced: true,
  schema: 'io.k8s.api.core.v1.ResourceQuota',
  returnsDeleted: true,
  status: true,
  check: ({ spec }, before) => [
    ...checkAmounts('spec.hard', spec.hard),
    ...checkScopes(spec),
    ...checkScopeSelector(spec),
    ...(before ? checkChange(spec, before.spec) : []),
  ],
  checkStatus: ({ status = {} }) => [
    ...checkAmounts('status.hard', status.hard),
    ...checkAmounts('status.used', status.used),
  ],
  columns: [
    nameColumn,
    text('Request', (object) => usageOf(object, (name) => !name.startsWith('limits.'))),
    text('Limit', (object) => usageOf(object, (name) => name.startsWith('limits.'))),
    ageColumn,
  ],
});

function usageOf({ status }: ResourceQuota, wanted: (name: string) => boolean): string {
  return Object.keys(status?.hard ?? {})
    .sort()
    .filter(wanted)
    .map((name) => `${name}: ${status?.used?.[name] ?? 0}/${status?.hard?.[name]}`)
    .join(', ');
}
