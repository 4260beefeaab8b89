import { defineKind } from './define-kind.ts';
import type { CSIDriver } from './gen/storage-v1.ts';

export const csiDriver = defineKind<CSIDriver>({
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'CSIDriver',
  plural: 'csidrivers',
  namespaced: false,
  schema: 'io.k8s.api.storage.v1.CSIDriver',
  generation: true,
});
