import { equal } from '#lib/meta/equal.ts';
import { invalid } from '#lib/meta/errors.ts';
import { subdomainFaults } from '#lib/meta/names.ts';
import { checkLabelSelector, goSelector } from './checks/selectors.ts';
import { unchanged } from './checks/metadata.ts';
import { grammar, quantity } from './checks/values.ts';
import { ageColumn, nameColumn, text, unset } from './columns.ts';
import { selectorWarnings } from './checks/node-label-warnings.ts';
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
  check: (object, before) =>
    before
      ? [
          ...(equal(object.nodeTopology, before.nodeTopology)
            ? []
            : [invalid('nodeTopology', object.nodeTopology && goSelector(object.nodeTopology), 'field is immutable')]),
          ...unchanged('storageClassName', object.storageClassName, before.storageClassName),
        ]
      : [
          ...(object.nodeTopology ? checkLabelSelector('nodeTopology', object.nodeTopology) : []),
          ...grammar('storageClassName', object.storageClassName, subdomainFaults),
          ...(object.capacity === undefined ? [] : quantity('capacity', object.capacity)),
        ],
  warnings: ({ nodeTopology }) => selectorWarnings('nodeTopology', nodeTopology),
  columns: [
    nameColumn,
    text('StorageClassName', ({ storageClassName }) => storageClassName),
    text('Capacity', ({ capacity }) => String(capacity ?? unset)),
    ageColumn,
  ],
});
