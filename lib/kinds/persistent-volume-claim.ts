import { copy, equal } from '#lib/meta/equal.ts';
import { fieldForbidden, type FieldError } from '#lib/meta/errors.ts';
import { parseQuantity } from '#lib/meta/quantities.ts';
import { ageColumn, formatAccessModes, nameColumn, text, unset, wide } from './columns.ts';
import { defineKind } from './define-kind.ts';
import type { PersistentVolumeClaim, PersistentVolumeClaimSpec } from './gen/core-v1.ts';
import { storageClassOf } from './persistent-volume.ts';
import { checkVolumeClaimSpec } from './pod-spec/check-volume-claim.ts';
import { setVolumeClaimDefaults } from './pod-spec/volume-claim-defaults.ts';

export const persistentVolumeClaim = defineKind<PersistentVolumeClaim>({
  group: '',
  version: 'v1',
  kind: 'PersistentVolumeClaim',
  description: 'A request for storage, bound to a PersistentVolume that satisfies it.',
  plural: 'persistentvolumeclaims',
  short: ['pvc'],
  namespaced: true,
  schema: 'io.k8s.api.core.v1.PersistentVolumeClaim',
  returnsDeleted: true,
  status: true,
  defaults: ({ spec, status }) => {
    setVolumeClaimDefaults(spec);
    if (status) status.phase ??= 'Pending';
  },
  prepareCreate: (object) => {
    object.status = { phase: 'Pending' };
  },
  check: ({ spec }, before) => [...checkVolumeClaimSpec('spec', spec), ...(before ? checkChange(spec, before) : [])],
  columns: [
    nameColumn,
    text('Status', ({ metadata, status }) => (metadata.deletionTimestamp ? 'Terminating' : (status?.phase ?? ''))),
    text('Volume', ({ spec }) => spec.volumeName ?? ''),
    text('Capacity', ({ spec, status }) => (spec.volumeName ? String(status?.capacity?.['storage'] ?? '') : '')),
    text('Access Modes', ({ spec, status }) => (spec.volumeName ? formatAccessModes(status?.accessModes) : '')),
    text('StorageClass', ({ metadata, spec }) => storageClassOf(metadata.annotations, spec.storageClassName)),
    text('VolumeAttributesClass', ({ spec }) => spec.volumeAttributesClassName ?? unset),
    ageColumn,
    wide(text('VolumeMode', ({ spec }) => spec.volumeMode ?? unset)),
  ],
});

/** A claim's binding is set once and its size may only grow; nothing else changes. */
function checkChange(now: PersistentVolumeClaimSpec, { spec: before, status }: PersistentVolumeClaim): FieldError[] {
  const bound = status?.phase === 'Bound';
  const asBefore = copy(now);
  if (!before.volumeName) asBefore.volumeName = before.volumeName;
  if (before.storageClassName === undefined && !bound) asBefore.storageClassName = before.storageClassName;
  asBefore.volumeAttributesClassName = before.volumeAttributesClassName;
  const [size, oldSize] = [now, before].map((spec) => parseQuantity(spec.resources?.requests?.['storage'] ?? 0));
  if (bound && asBefore.resources) asBefore.resources.requests = before.resources?.requests;
  if (!equal(asBefore, before)) {
    return [
      fieldForbidden(
        'spec',
        'spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims\n',
      ),
    ];
  }
  return size! < oldSize!
    ? [fieldForbidden('spec.resources.requests.storage', 'field can not be less than status.capacity')]
    : [];
}
