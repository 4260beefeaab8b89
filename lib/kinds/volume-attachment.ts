import { equal } from '#lib/meta/equal.ts';
import { fieldForbidden, invalid, required, tooLong, type FieldError } from '#lib/meta/errors.ts';
import { subdomainFaults } from '#lib/meta/names.ts';
import { goStruct } from './checks/go-value.ts';
import { barred, grammar, needed } from './checks/values.ts';
import { ageColumn, nameColumn, text } from './columns.ts';
import { defineKind } from './define-kind.ts';
import type { VolumeAttachment, VolumeAttachmentSource, VolumeAttachmentSpec } from './gen/storage-v1.ts';
import { checkModes } from './pod-spec/check-volume-claim.ts';
import { checkDriverName } from './pod-spec/volume-sources.ts';

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
    ...needed('spec.attacher', spec.attacher),
    ...checkSource('spec.source', spec.source),
    ...grammar('spec.nodeName', spec.nodeName, subdomainFaults),
    ...(before ? checkChange(spec, before.spec) : checkNames(spec)),
  ],
  checkStatus: ({ status }) => checkStatus(status),
  columns: [
    nameColumn,
    { ...text('Attacher', ({ spec }) => spec.attacher), format: 'name' },
    text('PV', ({ spec }) => spec.source.persistentVolumeName ?? ''),
    text('Node', ({ spec }) => spec.nodeName),
    { name: 'Attached', type: 'boolean', value: ({ status }) => status?.attached ?? false },
    ageColumn,
  ],
});

const one = 'must specify exactly one of inlineVolumeSpec and persistentVolumeName';

function checkSource(
  path: string,
  { persistentVolumeName: name, inlineVolumeSpec: spec }: VolumeAttachmentSource,
): FieldError[] {
  if (name === undefined && !spec) return [required(path, one)];
  if (name !== undefined && spec) return [fieldForbidden(path, one)];
  if (!spec) return needed(`${path}.persistentVolumeName`, name, 'must specify non empty persistentVolumeName');
  const at = `${path}.inlineVolumeSpec`;
  const inline = 'in the context of inline volumes';
  return [
    ...barred(at, spec, ['claimRef', 'capacity'], `may not be specified ${inline}`),
    ...(spec.csi ? [] : [required(`${at}.csi`, `has to be specified ${inline}`)]),
    ...(spec.accessModes?.length ? [] : [required(`${at}.accessModes`)]),
    ...checkModes(`${at}.accessModes`, spec.accessModes),
    ...barred(at, spec, ['nodeAffinity', 'storageClassName'], `may not be specified ${inline}`),
  ];
}

/** What only new ones must obey. */
function checkNames({ attacher, source: { persistentVolumeName: name } }: VolumeAttachmentSpec): FieldError[] {
  return [
    ...checkDriverName('spec.attacher', attacher),
    ...(name === undefined ? [] : grammar('spec.source.persistentVolumeName', name, subdomainFaults)),
  ];
}

function checkChange(now: VolumeAttachmentSpec, before: VolumeAttachmentSpec): FieldError[] {
  const shown = goStruct('io.k8s.api.storage.v1.VolumeAttachmentSpec', now);
  return equal(now, before) ? [] : [invalid('spec', shown, 'field is immutable')];
}

const maxMetadataBytes = 256 * 1024;
const maxMessageBytes = 1024;

function checkStatus(status: VolumeAttachment['status']): FieldError[] {
  const bytes = (text: string) => new TextEncoder().encode(text).length;
  const metadata = Object.entries(status?.attachmentMetadata ?? {});
  const size = metadata.reduce((sum, [key, value]) => sum + bytes(key) + bytes(value), 0);
  return [
    ...(size > maxMetadataBytes ? [tooLong('status.attachmentMetadata', maxMetadataBytes)] : []),
    ...(['attachError', 'detachError'] as const)
      .filter((name) => bytes(status?.[name]?.message ?? '') > maxMessageBytes)
      .map((name) => tooLong(`status.${name}.message`, maxMetadataBytes)),
  ];
}
