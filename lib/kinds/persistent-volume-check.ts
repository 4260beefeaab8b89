/** Faults of persistent volumes (upstream's `ValidatePersistentVolume`). */
import { copy, equal } from '#lib/meta/equal.ts';
import { fieldForbidden, invalid, notSupported, required, type FieldError } from '#lib/meta/errors.ts';
import { labelNameFaults, subdomainFaults } from '#lib/meta/names.ts';
import { goDiff } from './checks/go-diff.ts';
import { goAmounts, goStruct } from './checks/go-value.ts';
import { unchanged } from './checks/metadata.ts';
import { checkNodeSelector } from './checks/selectors.ts';
import { grammar, needed, optionalOneOf, withoutBackSteps } from './checks/values.ts';
import type {
  AzureFilePersistentVolumeSource,
  CSIPersistentVolumeSource,
  FlexPersistentVolumeSource,
  GlusterfsPersistentVolumeSource,
  ISCSIPersistentVolumeSource,
  LocalVolumeSource,
  PersistentVolume,
  PersistentVolumeSpec,
  SecretReference,
  StorageOSPersistentVolumeSource,
} from './gen/core-v1.ts';
import { basic, checkModes, positive } from './pod-spec/check-volume-claim.ts';
import {
  checkAwsDisk,
  checkAzureDisk,
  checkDriverName,
  checkFc,
  checkFlexVolume,
  checkFlocker,
  checkGceDisk,
  checkHostPath,
  checkInitiator,
  checkIscsi,
  checkNfs,
  checkOneSource,
  checkPortalName,
  checkQuobyte,
  checkSecretRef,
  checkStorageOs,
  needs,
  type Sorts,
} from './pod-spec/volume-sources.ts';

type Faults = FieldError[];

export function checkVolume({ metadata, spec }: PersistentVolume): Faults {
  const { accessModes, hostPath, persistentVolumeReclaimPolicy: reclaim, storageClassName } = spec;
  const hasPlace = spec.nodeAffinity?.required !== undefined;
  const policies = ['Delete', 'Recycle', 'Retain'];
  const faults = [
    ...(accessModes?.length ? [] : [required('spec.accessModes')]),
    ...checkModes('spec.accessModes', accessModes),
    ...checkCapacity('spec.capacity', spec.capacity),
    ...(reclaim ? optionalOneOf('spec.persistentVolumeReclaimPolicy', reclaim, policies) : []),
    ...checkPlace('spec.nodeAffinity.required', spec),
    ...checkOneSource('spec', spec, sortsFor(metadata.name, hasPlace)),
  ];
  if (hostPath && isRoot(hostPath.path) && reclaim === 'Recycle') {
    const detail = "may not be 'recycle' for a hostPath mount of '/'";
    faults.push(fieldForbidden('spec.persistentVolumeReclaimPolicy', detail));
  }
  if (storageClassName) faults.push(...grammar('spec.storageClassName', storageClassName, subdomainFaults));
  return [...faults, ...optionalOneOf('spec.volumeMode', spec.volumeMode, ['Block', 'Filesystem'])];
}

function isRoot(path: string): boolean {
  return /^\/+(\.\/*)*$/.test(path);
}

function checkCapacity(path: string, capacity: PersistentVolumeSpec['capacity']): Faults {
  const names = Object.keys(capacity ?? {});
  const faults = names.length === 0 ? [required(path)] : [];
  if (!names.includes('storage') || names.length > 1) faults.push(notSupported(path, goAmounts(capacity), ['storage']));
  return [
    ...faults,
    ...Object.entries(capacity ?? {}).flatMap(([name, amount]) => [
      ...basic(`${path}[${name}]`, amount),
      ...positive(`${path}[${name}]`, amount),
    ]),
  ];
}

/** Where the volume can be reached. */
function checkPlace(path: string, { nodeAffinity }: PersistentVolumeSpec): Faults {
  if (!nodeAffinity) return [];
  return nodeAffinity.required
    ? checkNodeSelector(path, nodeAffinity.required)
    : [required(path, 'must specify required node constraints')];
}

function sortsFor(name: string, hasPlace: boolean): Sorts {
  return {
    hostPath: checkHostPath,
    gcePersistentDisk: { check: checkGceDisk, at: 'persistentDisk' },
    awsElasticBlockStore: checkAwsDisk,
    glusterfs: checkGlusterfs,
    flocker: checkFlocker,
    nfs: checkNfs,
    rbd: needs('monitors', 'image'),
    quobyte: checkQuobyte,
    cephfs: { check: needs('monitors'), barredAs: 'cephFS' },
    iscsi: (path, iscsi: ISCSIPersistentVolumeSource) => checkIscsiVolume(path, iscsi, name),
    cinder: (path, cinder: { volumeID: string; secretRef?: SecretReference | undefined }) => [
      ...needed(`${path}.volumeID`, cinder.volumeID),
      ...checkSecretRef(`${path}.secretRef`, cinder.secretRef, 'name', 'namespace'),
    ],
    fc: checkFc,
    flexVolume: checkFlex,
    azureFile: checkAzureFile,
    vsphereVolume: needs('volumePath'),
    photonPersistentDisk: needs('pdID'),
    portworxVolume: needs('volumeID'),
    azureDisk: checkAzureDisk,
    scaleIO: needs('gateway', 'system', 'volumeName'),
    local: (path, { path: folder }: LocalVolumeSource) => [
      ...(folder ? withoutBackSteps(`${path}.path`, folder) : [required(`${path}.path`)]),
      ...(hasPlace ? [] : [required('spec.nodeAffinity', 'Local volume requires node affinity')]),
    ],
    storageos: checkStorageOsVolume,
    csi: checkCsi,
  };
}

function checkGlusterfs(path: string, source: GlusterfsPersistentVolumeSource): Faults {
  const namespace = source.endpointsNamespace;
  const at = `${path}.endpointsNamespace`;
  const detail = 'if the endpointnamespace is set, it must be a valid namespace name';
  return [
    ...needs('endpoints', 'path')(path, source as never),
    ...(namespace === '' ? [invalid(at, namespace, detail)] : []),
    ...(namespace ? grammar(at, namespace, labelNameFaults) : []),
  ];
}

function checkIscsiVolume(path: string, iscsi: ISCSIPersistentVolumeSource, name: string): Faults {
  const { targetPortal, initiatorName, secretRef } = iscsi;
  return [
    ...needed(`${path}.targetPortal`, targetPortal),
    ...checkPortalName(`${path}.targetportal`, name, iscsi, targetPortal),
    ...checkIscsi(path, iscsi, 'must be valid format'),
    ...(secretRef ? needed(`${path}.secretRef.name`, secretRef.name) : []),
    ...(initiatorName === undefined
      ? []
      : checkInitiator(`${path}.initiatorname`, initiatorName, 'must be valid format', true)),
  ];
}

function checkFlex(path: string, source: FlexPersistentVolumeSource): Faults {
  return [
    ...checkFlexVolume(path, source),
    ...checkSecretRef(`${path}.secretRef`, source.secretRef, 'name', 'namespace'),
  ];
}

function checkAzureFile(path: string, source: AzureFilePersistentVolumeSource): Faults {
  const { secretNamespace } = source;
  return [
    ...needs('secretName', 'shareName')(path, source as never),
    ...(secretNamespace === '' ? [invalid(`${path}.secretNamespace`, secretNamespace, 'must not be empty')] : []),
  ];
}

function checkStorageOsVolume(path: string, source: StorageOSPersistentVolumeSource): Faults {
  return [
    ...checkStorageOs(path, source),
    ...checkSecretRef(`${path}.secretRef`, source.secretRef, 'name', 'namespace'),
  ];
}

function checkCsi(path: string, csi: CSIPersistentVolumeSource): Faults {
  const refs = [
    'controllerPublishSecretRef',
    'controllerExpandSecretRef',
    'nodePublishSecretRef',
    'nodeExpandSecretRef',
  ];
  return [
    ...checkDriverName(`${path}.driver`, csi.driver),
    ...needed(`${path}.volumeHandle`, csi.volumeHandle),
    ...refs.flatMap((name) =>
      checkSecretRef(`${path}.${name}`, csi[name as 'nodePublishSecretRef'], 'name', 'namespace'),
    ),
  ];
}

/** Labels of nodes that have other names by now, and these names. */
const renamed: Readonly<Record<string, string>> = {
  'failure-domain.beta.kubernetes.io/zone': 'topology.kubernetes.io/zone',
  'failure-domain.beta.kubernetes.io/region': 'topology.kubernetes.io/region',
  'beta.kubernetes.io/os': 'kubernetes.io/os',
  'beta.kubernetes.io/arch': 'kubernetes.io/arch',
  'beta.kubernetes.io/instance-type': 'node.kubernetes.io/instance-type',
};

/** The place by today's names. */
function current(affinity: PersistentVolumeSpec['nodeAffinity']): PersistentVolumeSpec['nodeAffinity'] {
  const next = copy(affinity);
  for (const { matchExpressions } of next?.required?.nodeSelectorTerms ?? []) {
    for (const expression of matchExpressions ?? []) expression.key = renamed[expression.key] ?? expression.key;
  }
  return next;
}

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

function sourceOf(spec: PersistentVolumeSpec): object {
  return Object.fromEntries(Object.entries(spec).filter(([key]) => !notSources.has(key)));
}

/** Faults of a change: where the data is, and how, stays. */
export function checkVolumeChange(now: PersistentVolumeSpec, before: PersistentVolumeSpec): Faults {
  const faults: Faults = [];
  const next = copy(now);
  if (before.csi && !before.csi.controllerExpandSecretRef && next.csi) delete next.csi.controllerExpandSecretRef;
  if (!equal(sourceOf(next), sourceOf(before))) {
    const schema = 'io.k8s.api.core.v1.PersistentVolumeSpec';
    const diff = goDiff(schema, sourceOf(before), sourceOf(next), 'core.PersistentVolumeSource');
    const detail = `spec.persistentvolumesource is immutable after creation\n${diff}`;
    faults.push(fieldForbidden('spec.persistentvolumesource', detail));
  }
  faults.push(...unchanged('volumeMode', now.volumeMode, before.volumeMode));
  if (before.nodeAffinity && !equal(current(now.nodeAffinity), current(before.nodeAffinity))) {
    const shown = now.nodeAffinity && goStruct('io.k8s.api.core.v1.VolumeNodeAffinity', now.nodeAffinity);
    const detail = 'field is immutable, except for updating from beta label to GA';
    faults.push(invalid('nodeAffinity', shown, detail));
  }
  return faults;
}
