import { defineKind } from './define-kind.ts';
import type { CSINode } from './gen/storage-v1.ts';

export const csiNode = defineKind<CSINode>({
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'CSINode',
  plural: 'csinodes',
  namespaced: false,
  schema: 'io.k8s.api.storage.v1.CSINode',
});
