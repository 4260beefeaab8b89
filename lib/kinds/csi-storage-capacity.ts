import { defineKind } from './define-kind.ts';
import type { CSIStorageCapacity } from './gen/storage-v1.ts';

export const csiStorageCapacity = defineKind<CSIStorageCapacity>({
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'CSIStorageCapacity',
  plural: 'csistoragecapacities',
  namespaced: true,
  schema: 'io.k8s.api.storage.v1.CSIStorageCapacity',
});
