import { equal } from '#lib/meta/equal.ts';
import { fieldForbidden, invalid, required, type FieldError } from '#lib/meta/errors.ts';
import { parseQuantity } from '#lib/meta/quantities.ts';
import { formatTime } from '#lib/meta/time.ts';
import { checkNodeSelectorTerm } from './checks/selectors.ts';
import { oneOf, quantity, subdomain, withoutBackSteps } from './checks/values.ts';
import { ageColumn, formatAccessModes, nameColumn, text, unset, wide } from './columns.ts';
import { defineKind } from './define-kind.ts';
import type { PersistentVolume, PersistentVolumeSpec } from './gen/core-v1.ts';
import { checkAccessModes } from './pod-spec/check-volume-claim.ts';

/** Fields of the spec that are not a source of storage. */
const notSources = new Set([
  'accessModes',
  'capacity',
  'claimRef',
  'mountOptions',
  'nodeAffinity',
  'persistentVolumeReclaimPolicy',
  'storageClassName',
  'volumeAttributesClassName',
  'volumeMode',
]);

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
    if (spec.hostPath) spec.hostPath.type ??= '';
  },
  prepareCreate: (object, { now }) => {
    object.status = { phase: 'Pending', lastPhaseTransitionTime: formatTime(now) };
  },
  check: (object, before) => [...checkSpec(object.spec), ...(before ? checkChange(object.spec, before.spec) : [])],
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

function sourcesOf(spec: PersistentVolumeSpec): string[] {
  return Object.entries(spec).flatMap(([key, value]) => (notSources.has(key) || value === undefined ? [] : [key]));
}

function checkSpec(spec: PersistentVolumeSpec): FieldError[] {
  const faults = checkAccessModes('spec.accessModes', spec.accessModes, '');
  const capacity = Object.entries(spec.capacity ?? {});
  if (capacity.length === 0) faults.push(required('spec.capacity'));
  for (const [name, value] of capacity) {
    if (name !== 'storage') {
      faults.push({
        field: 'spec.capacity',
        reason: 'FieldValueNotSupported',
        message: `Unsupported value: ${JSON.stringify(name)}: supported values: "storage"`,
      });
    }
    const bad = quantity(`spec.capacity[${name}]`, value);
    if (bad.length === 0 && parseQuantity(value) === 0n) {
      bad.push(invalid(`spec.capacity[${name}]`, String(value), 'must be greater than zero'));
    }
    faults.push(...bad);
  }
  faults.push(
    ...oneOf('spec.persistentVolumeReclaimPolicy', spec.persistentVolumeReclaimPolicy, ['Delete', 'Recycle', 'Retain']),
  );
  faults.push(...oneOf('spec.volumeMode', spec.volumeMode, ['Block', 'Filesystem']));
  if (spec.storageClassName) faults.push(...subdomain('spec.storageClassName', spec.storageClassName));
  const [first, ...others] = sourcesOf(spec);
  if (first === undefined) faults.push(required('spec', 'must specify a volume type'));
  for (const other of others) faults.push(fieldForbidden(`spec.${other}`, 'may not specify more than 1 volume type'));
  faults.push(...checkPaths(spec));
  const need = spec.nodeAffinity?.required;
  const at = 'spec.nodeAffinity.required';
  if (spec.nodeAffinity && !need) faults.push(required(at, 'must specify required node constraints'));
  for (const [i, term] of (need?.nodeSelectorTerms ?? []).entries()) {
    faults.push(...checkNodeSelectorTerm(`${at}.nodeSelectorTerms[${i}]`, term));
  }
  if (spec.local && !need) faults.push(required('spec.nodeAffinity', 'Local volume requires node affinity'));
  return faults;
}

function checkPaths({ hostPath, local, persistentVolumeReclaimPolicy }: PersistentVolumeSpec): FieldError[] {
  const faults: FieldError[] = [];
  for (const [name, source] of Object.entries({ hostPath, local })) {
    if (!source) continue;
    const at = `spec.${name}.path`;
    faults.push(...(source.path ? withoutBackSteps(at, source.path) : [required(at)]));
  }
  if (hostPath?.path === '/' && persistentVolumeReclaimPolicy === 'Recycle') {
    faults.push(
      fieldForbidden('spec.persistentVolumeReclaimPolicy', "may not be 'recycle' for a hostPath mount of '/'"),
    );
  }
  return faults;
}

function checkChange(now: PersistentVolumeSpec, before: PersistentVolumeSpec): FieldError[] {
  const faults: FieldError[] = [];
  const source = (spec: PersistentVolumeSpec) =>
    Object.fromEntries(Object.entries(spec).filter(([key]) => !notSources.has(key)));
  if (!equal(source(now), source(before))) {
    faults.push(
      fieldForbidden('spec.persistentvolumesource', 'spec.persistentvolumesource is immutable after creation'),
    );
  }
  if (!equal(now.volumeMode, before.volumeMode))
    faults.push(invalid('spec.volumeMode', now.volumeMode, 'field is immutable'));
  if (before.nodeAffinity && !equal(now.nodeAffinity, before.nodeAffinity)) {
    faults.push(invalid('spec.nodeAffinity', now.nodeAffinity, 'field is immutable'));
  }
  return faults;
}
