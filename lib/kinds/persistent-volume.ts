import { formatTime } from '#lib/meta/time.ts';
import { ageColumn, formatAccessModes, nameColumn, text, unset, wide } from './columns.ts';
import { defineKind } from './define-kind.ts';
import type { PersistentVolume } from './gen/core-v1.ts';
import { checkVolume, checkVolumeChange } from './persistent-volume-check.ts';
import { setSourceDefaults } from './pod-spec/volume-defaults.ts';

export const persistentVolume = defineKind<PersistentVolume>({
  group: '',
  version: 'v1',
  kind: 'PersistentVolume',
  description: 'A piece of storage that outlives the pods that use it.',
  plural: 'persistentvolumes',
  short: ['pv'],
  namespaced: false,
  schema: 'io.k8s.api.core.v1.PersistentVolume',
  returnsDeleted: true,
  status: true,
  defaults: ({ spec }) => {
    spec.persistentVolumeReclaimPolicy ||= 'Retain';
    spec.volumeMode ||= 'Filesystem';
    setSourceDefaults(spec);
  },
  prepareCreate: (object, { now }) => {
    object.status = { phase: 'Pending', lastPhaseTransitionTime: formatTime(now) };
  },
  check: (object, before) => [...checkVolume(object), ...(before ? checkVolumeChange(object.spec, before.spec) : [])],
  columns: [
    nameColumn,
    text('Capacity', ({ spec }) => String(spec.capacity?.['storage'] ?? '')),
    text('Access Modes', ({ spec }) => formatAccessModes(spec.accessModes)),
    text('Reclaim Policy', ({ spec }) => spec.persistentVolumeReclaimPolicy ?? ''),
    text('Status', ({ metadata, status }) => (metadata.deletionTimestamp ? 'Terminating' : (status?.phase ?? ''))),
    text('Claim', ({ spec: { claimRef } }) => (claimRef ? `${claimRef.namespace ?? ''}/${claimRef.name ?? ''}` : '')),
    text('StorageClass', (object) => storageClassOf(object.metadata.annotations, object.spec.storageClassName)),
    text('VolumeAttributesClass', ({ spec }) => spec.volumeAttributesClassName ?? unset),
    text('Reason', ({ status }) => status?.reason ?? ''),
    ageColumn,
    wide(text('VolumeMode', ({ spec }) => spec.volumeMode ?? unset)),
  ],
});

/** The class by the field, or by the annotation that came before it. */
export function storageClassOf(
  annotations: Readonly<Record<string, string>> | undefined,
  field: string | undefined,
): string {
  return annotations?.['volume.beta.kubernetes.io/storage-class'] ?? field ?? '';
}
