import { fieldForbidden, required, type FieldError } from '#lib/meta/errors.ts';
import { equal } from '#lib/meta/equal.ts';
import { unchanged } from './checks/metadata.ts';
import { oneOf } from './checks/values.ts';
import { ageColumn, nameColumn, text, unset } from './columns.ts';
import { defineKind } from './define-kind.ts';
import type { StorageClass } from './gen/storage-v1.ts';

const defaultClass = [
  'storageclass.kubernetes.io/is-default-class',
  'storageclass.beta.kubernetes.io/is-default-class',
];

export const storageClass = defineKind<StorageClass>({
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'StorageClass',
  description: 'A sort of storage that claims can ask for.',
  plural: 'storageclasses',
  short: ['sc'],
  namespaced: false,
  schema: 'io.k8s.api.storage.v1.StorageClass',
  returnsDeleted: true,
  defaults: (object) => {
    object.reclaimPolicy ??= 'Delete';
    object.volumeBindingMode ??= 'Immediate';
  },
  check: (object, before) => [
    ...(object.provisioner ? [] : [required('provisioner')]),
    ...oneOf('reclaimPolicy', object.reclaimPolicy, ['Delete', 'Retain']),
    ...oneOf('volumeBindingMode', object.volumeBindingMode, ['Immediate', 'WaitForFirstConsumer']),
    ...(before ? checkChange(object, before) : []),
  ],
  columns: [
    {
      ...nameColumn,
      value: ({ metadata }) => {
        const isDefault = defaultClass.some((key) => metadata.annotations?.[key] === 'true');
        return isDefault ? `${metadata.name} (default)` : metadata.name;
      },
    },
    text('Provisioner', ({ provisioner }) => provisioner),
    text('ReclaimPolicy', ({ reclaimPolicy }) => reclaimPolicy ?? 'Delete'),
    text('VolumeBindingMode', ({ volumeBindingMode }) => volumeBindingMode ?? unset),
    {
      name: 'AllowVolumeExpansion',
      type: 'boolean',
      value: ({ allowVolumeExpansion }) => allowVolumeExpansion ?? false,
    },
    ageColumn,
  ],
});

function checkChange(now: StorageClass, before: StorageClass): FieldError[] {
  const faults: FieldError[] = [];
  for (const name of ['parameters', 'provisioner'] as const) {
    if (!equal(now[name], before[name])) faults.push(fieldForbidden(name, `updates to ${name} are forbidden.`));
  }
  if (now.reclaimPolicy !== before.reclaimPolicy) {
    faults.push(fieldForbidden('reclaimPolicy', 'updates to reclaimPolicy are forbidden.'));
  }
  return [...faults, ...unchanged('volumeBindingMode', now.volumeBindingMode, before.volumeBindingMode)];
}
