import { required, type FieldError } from '#lib/meta/errors.ts';
import { unchanged } from './checks/metadata.ts';
import { ageColumn, nameColumn, text } from './columns.ts';
import { defineKind } from './define-kind.ts';
import type { VolumeAttachment } from './gen/storage-v1.ts';

export const volumeAttachment = defineKind<VolumeAttachment>({
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'VolumeAttachment',
  description: 'The wish that a volume be attached to a node, and whether it is.',
  plural: 'volumeattachments',
  namespaced: false,
  namesVersion: true,
  schema: 'io.k8s.api.storage.v1.VolumeAttachment',
  returnsDeleted: true,
  status: true,
  statusKeepsMetadata: true,
  check: ({ spec }, before) => [
    ...missing('spec.attacher', spec.attacher),
    ...missing('spec.nodeName', spec.nodeName),
    ...(spec.source.persistentVolumeName || spec.source.inlineVolumeSpec
      ? []
      : [required('spec.source', 'must specify exactly one of inlineVolumeSpec and persistentVolumeName')]),
    ...(before ? unchanged('spec', spec, before.spec) : []),
  ],
  columns: [
    nameColumn,
    text('Attacher', ({ spec }) => spec.attacher),
    text('PV', ({ spec }) => spec.source.persistentVolumeName ?? ''),
    text('Node', ({ spec }) => spec.nodeName),
    { name: 'Attached', type: 'boolean', value: ({ status }) => status?.attached ?? false },
    ageColumn,
  ],
});

function missing(path: string, value: string): FieldError[] {
  return value ? [] : [required(path)];
}
