import { formatTime } from '#lib/meta/time.ts';
import { ageColumn, formatAccessModes, nameColumn, text, unset, wide } from './columns.ts';
import { termWarnings } from './checks/node-label-warnings.ts';
import { persistentSourceWarnings } from './pod-spec/volume-warnings.ts';
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
  warnings: volumeWarnings,
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

const storageClassKey = 'volume.beta.kubernetes.io/storage-class';
/** What is to be said of the annotation, of volumes and claims alike. */
export function storageClassWarnings(annotations: Readonly<Record<string, string>> | undefined): string[] {
  return annotations?.[storageClassKey] === undefined
    ? []
    : [`metadata.annotations[${storageClassKey}]: deprecated since v1.8; use "storageClassName" attribute instead`];
}

function volumeWarnings({ metadata, spec }: PersistentVolume): string[] {
  const recycle =
    'The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic provisioning.';
  return [
    ...storageClassWarnings(metadata.annotations),
    ...(spec.persistentVolumeReclaimPolicy === 'Recycle' ? [`spec.persistentVolumeReclaimPolicy: ${recycle}`] : []),
    ...(spec.nodeAffinity?.required?.nodeSelectorTerms ?? []).flatMap((term, i) =>
      termWarnings(`spec.nodeAffinity.required.nodeSelectorTerms[${i}]`, term),
    ),
    ...persistentSourceWarnings('spec', spec),
  ];
}

/** The class by the field, or by the annotation that came before it. */
export function storageClassOf(
  annotations: Readonly<Record<string, string>> | undefined,
  field: string | undefined,
): string {
  return annotations?.[storageClassKey] ?? field ?? '';
}
