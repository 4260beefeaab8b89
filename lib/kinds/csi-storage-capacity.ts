import { checkLabelSelector } from './checks/selectors.ts';
import { unchanged } from './checks/metadata.ts';
import { quantity, subdomain } from './checks/values.ts';
import { ageColumn, nameColumn, text, unset } from './columns.ts';
import { defineKind } from './define-kind.ts';
import type { CSIStorageCapacity } from './gen/storage-v1.ts';

export const csiStorageCapacity = defineKind<CSIStorageCapacity>({
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'CSIStorageCapacity',
  description: 'How much storage of a class is left in a part of the cluster.',
  plural: 'csistoragecapacities',
  namespaced: true,
  namesVersion: true,
  schema: 'io.k8s.api.storage.v1.CSIStorageCapacity',
  check: (object, before) => [
    ...subdomain('storageClassName', object.storageClassName),
    ...(object.nodeTopology ? checkLabelSelector('nodeTopology', object.nodeTopology) : []),
    ...(object.capacity === undefined ? [] : quantity('capacity', object.capacity)),
    ...(object.maximumVolumeSize === undefined ? [] : quantity('maximumVolumeSize', object.maximumVolumeSize)),
    ...(before ? unchanged('nodeTopology', object.nodeTopology, before.nodeTopology) : []),
    ...(before ? unchanged('storageClassName', object.storageClassName, before.storageClassName) : []),
  ],
  columns: [
    nameColumn,
    text('StorageClassName', ({ storageClassName }) => storageClassName),
    text('Capacity', ({ capacity }) => String(capacity ?? unset)),
    ageColumn,
  ],
});
