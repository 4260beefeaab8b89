import { invalid } from '#lib/meta/errors.ts';
import { checkImmutable, checkKeys, checkTotal, decodedBytes } from './checks/keyed-data.ts';
import { ageColumn, nameColumn, text } from './columns.ts';
import { defineKind } from './define-kind.ts';
import type { ConfigMap } from './gen/core-v1.ts';

export const configMap = defineKind<ConfigMap>({
  group: '',
  version: 'v1',
  kind: 'ConfigMap',
  description: 'Configuration that is not secret, for pods to read as files, environment or arguments.',
  plural: 'configmaps',
  short: ['cm'],
  namespaced: true,
  schema: 'io.k8s.api.core.v1.ConfigMap',
  check: (object, before) => {
    const { data = {}, binaryData = {} } = object;
    const twice = Object.keys(data).filter((key) => Object.hasOwn(binaryData, key));
    return [
      ...(before ? checkImmutable({ ...object }, { ...before }, ['data', 'binaryData']) : []),
      ...checkKeys('data', data),
      ...twice.map((key) => invalid(`data[${key}]`, key, 'duplicate of key present in binaryData')),
      ...checkKeys('binaryData', binaryData),
      ...checkTotal('[]', sizeOf(data, binaryData)),
    ];
  },
  columns: [
    nameColumn,
    text('Data', ({ data, binaryData }) => Object.keys(data ?? {}).length + Object.keys(binaryData ?? {}).length),
    ageColumn,
  ],
});

function sizeOf(data: Record<string, string>, binaryData: Record<string, string>): number {
  const text = Object.values(data).reduce((sum, value) => sum + Buffer.byteLength(value), 0);
  return text + Object.values(binaryData).reduce((sum, value) => sum + decodedBytes(value), 0);
}
