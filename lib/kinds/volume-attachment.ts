import { defineKind } from './define-kind.ts';
import type { VolumeAttachment } from './gen/storage-v1.ts';

export const volumeAttachment = defineKind<VolumeAttachment>({
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'VolumeAttachment',
  plural: 'volumeattachments',
  namespaced: false,
  schema: 'io.k8s.api.storage.v1.VolumeAttachment',
  status: true,
});
