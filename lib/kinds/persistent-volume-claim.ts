import { copy, equal } from '#lib/meta/equal.ts';
import { fieldForbidden, invalid, notSupported, type FieldError } from '#lib/meta/errors.ts';
import { qualifiedNameFaults } from '#lib/meta/names.ts';
import { parseQuantity } from '#lib/meta/quantities.ts';
import { goDiff } from './checks/go-diff.ts';
import { unchanged } from './checks/metadata.ts';
import { grammar, quantity } from './checks/values.ts';
import { ageColumn, formatAccessModes, nameColumn, text, unset, wide } from './columns.ts';
import { claimWarnings } from './pod-spec/claim-warnings.ts';
import { defineKind } from './define-kind.ts';
import type { PersistentVolumeClaim } from './gen/core-v1.ts';
import { storageClassOf, storageClassWarnings } from './persistent-volume.ts';
import { isNative } from './pod-spec/check-resources.ts';
import { basic, checkVolumeClaimSpec } from './pod-spec/check-volume-claim.ts';
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
  check: (object, before) => [
    ...checkVolumeClaimSpec('spec', object.spec, before?.spec),
    ...(before ? checkChange(object, before) : []),
  ],
  warnings: ({ metadata, spec }) => [...storageClassWarnings(metadata.annotations), ...claimWarnings('spec', spec)],
  checkStatus,
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

const storageClassKey = 'volume.beta.kubernetes.io/storage-class';

/** A claim's binding is set once and its size may only grow once it is bound; nothing else changes. */
function checkChange(now: PersistentVolumeClaim, before: PersistentVolumeClaim): FieldError[] {
  const faults: FieldError[] = [];
  const isBound = before.status?.phase === 'Bound';
  const spec = copy(now.spec);
  const old = copy(before.spec);
  if (!old.volumeName) old.volumeName = spec.volumeName;
  const oldClass = before.metadata.annotations?.[storageClassKey];
  const newClass = now.metadata.annotations?.[storageClassKey];
  const isNamed = old.storageClassName === undefined && spec.storageClassName !== undefined;
  if (isNamed && (oldClass === undefined || oldClass === spec.storageClassName)) delete spec.storageClassName;
  const isMoved = isNamed && oldClass === now.spec.storageClassName && newClass === undefined;
  if (!isMoved && newClass !== oldClass) {
    faults.push(invalid(`metadata.annotations[${storageClassKey}]`, newClass ?? '', 'field is immutable'));
  }
  const size = (claim: PersistentVolumeClaim) => parseQuantity(claim.spec.resources?.requests?.['storage'] ?? 0);
  if (isBound && spec.resources?.requests) {
    const { storage: _, ...others } = spec.resources.requests;
    const storage = old.resources?.requests?.['storage'];
    spec.resources.requests = { ...others, ...(storage !== undefined && { storage }) };
  }
  if (isBound && spec.volumeAttributesClassName) spec.volumeAttributesClassName = old.volumeAttributesClassName;
  if (!equal(spec, old)) {
    const diff = goDiff('io.k8s.api.core.v1.PersistentVolumeClaimSpec', old, spec);
    const rule = 'spec is immutable after creation except resources.requests and volumeAttributesClassName';
    faults.push(fieldForbidden('spec', `${rule} for bound claims\n${diff}`));
  }
  // A claim that could not grow may ask for less again, but for more than it has.
  if (size(now) < size(before) && size(now) <= parseQuantity(before.status?.capacity?.['storage'] ?? 0)) {
    faults.push(fieldForbidden('spec.resources.requests.storage', 'field can not be less than status.capacity'));
  }
  return [...faults, ...unchanged('volumeMode', now.spec.volumeMode, before.spec.volumeMode)];
}

const resizeStates = [
  'ControllerResizeInProgress',
  'ControllerResizeInfeasible',
  'NodeResizeInProgress',
  'NodeResizeInfeasible',
  'NodeResizePending',
];

function checkStatus({ status = {} }: PersistentVolumeClaim): FieldError[] {
  const faults = Object.entries(status.capacity ?? {}).flatMap(([name, amount]) =>
    basic(`status.capacity[${name}]`, amount),
  );
  for (const [name, state] of Object.entries(status.allocatedResourceStatuses ?? {})) {
    const at = 'status.allocatedResourceStatus';
    faults.push(...checkResourceKey(at, name));
    if (!resizeStates.includes(state)) faults.push(notSupported(at, name, resizeStates));
  }
  for (const [name, amount] of Object.entries(status.allocatedResources ?? {})) {
    const bad = checkResourceKey('status.allocatedResources', name);
    faults.push(...(bad.length > 0 ? bad : quantity(`status.allocatedResources[${name}]`, amount)));
  }
  return faults;
}

function checkResourceKey(path: string, name: string): FieldError[] {
  const faults = grammar(path, name, qualifiedNameFaults);
  if (faults.length > 0 || name === 'storage') return faults;
  return isNative(name) ? [notSupported(path, name, ['storage'])] : [];
}
