import { invalid, type FieldError } from '#lib/meta/errors.ts';
import { qualifiedNameFaults } from '#lib/meta/names.ts';
import { grammar, quantity } from './checks/values.ts';
import { ageColumn, nameColumn, text } from './columns.ts';
import { defineKind } from './define-kind.ts';
import type { ResourceQuota } from './gen/core-v1.ts';

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
  check: (object, before) => [
    ...checkHard('spec.hard', object.spec.hard),
    ...(before && JSON.stringify(before.spec.scopes?.toSorted()) !== JSON.stringify(object.spec.scopes?.toSorted())
      ? [invalid('spec.scopes', object.spec.scopes, 'field is immutable')]
      : []),
  ],
  columns: [
    nameColumn,
    text('Request', (object) => usageOf(object, (name) => !name.startsWith('limits.'))),
    text('Limit', (object) => usageOf(object, (name) => name.startsWith('limits.'))),
    ageColumn,
  ],
});

function checkHard(path: string, hard: Readonly<Record<string, number | string>> | undefined): FieldError[] {
  return Object.entries(hard ?? {}).flatMap(([name, value]) => [
    ...grammar(`${path}[${name}]`, name.replace(/^count\//, ''), qualifiedNameFaults),
    ...quantity(`${path}[${name}]`, value),
  ]);
}

function usageOf({ status }: ResourceQuota, wanted: (name: string) => boolean): string {
  return Object.keys(status?.hard ?? {})
    .sort()
    .filter(wanted)
    .map((name) => `${name}: ${status?.used?.[name] ?? 0}/${status?.hard?.[name]}`)
    .join(', ');
}
