import { defineKind } from './define-kind.ts';
import type { StorageClass } from './gen/storage-v1.ts';

export const storageClass = defineKind<StorageClass>({
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'StorageClass',
  plural: 'storageclasses',
  short: ['sc'],
  namespaced: false,
  schema: 'io.k8s.api.storage.v1.StorageClass',
});
