/** Faults of a pod's volumes. */
import { duplicate, fieldForbidden, invalid, required, type FieldError } from '#lib/meta/errors.ts';
import { subdomainFaults } from '#lib/meta/names.ts';
import { parseQuantity, QuantityError } from '#lib/meta/quantities.ts';
import { checkAnnotations, checkLabels } from '../checks/metadata.ts';
import { label, needed, optionalOneOf, relativePath } from '../checks/values.ts';
import type {
  CinderVolumeSource,
  ConfigMapVolumeSource,
  CSIVolumeSource,
  DownwardAPIVolumeSource,
  EmptyDirVolumeSource,
  EphemeralVolumeSource,
  GitRepoVolumeSource,
  ImageVolumeSource,
  ISCSIVolumeSource,
  PodSpec,
  SecretVolumeSource,
  StorageOSVolumeSource,
  Volume,
} from '../gen/core-v1.ts';
import type { Volumes } from './check-mounts.ts';
import { checkDownwardItems, checkItems, checkMode, checkProjected } from './check-projected.ts';
import { checkVolumeClaimSpec } from './check-volume-claim.ts';
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
} from './volume-sources.ts';

type Faults = FieldError[];

/** What is special about a pod in contrast to a template: its name, which names its ephemeral volumes' claims. */
export interface OfPod {
  name: string;
}

/** Faults of all volumes, and the good ones, which containers may mount. */
export function checkVolumes(path: string, spec: PodSpec, pod: OfPod | undefined): { faults: Faults; good: Volumes } {
  const all: Faults = [];
  const good = new Map<string, Volume>();
  const claims = new Set<string>();
  if (pod) for (const { name, ephemeral } of spec.volumes ?? []) if (ephemeral) claims.add(`${pod.name}-${name}`);
  for (const [i, volume] of (spec.volumes ?? []).entries()) {
    const at = `${path}[${i}]`;
    const faults = checkOneSource(at, volume, pod ? sortsOfPods : sortsOfTemplates);
    if (volume.iscsi) faults.push(...checkPortalName(`${at}.name`, volume.name, volume.iscsi));
    if (volume.ephemeral) faults.push(...checkClaimName(`${at}.name`, volume.name, pod));
    faults.push(...label(`${at}.name`, volume.name));
    if (good.has(volume.name)) faults.push(duplicate(`${at}.name`, volume.name));
    const claimed = volume.persistentVolumeClaim?.claimName;
    if (claimed && claims.has(claimed)) {
      const detail = 'must not reference a PVC that gets created for an ephemeral volume';
      faults.push(invalid(`${at}.persistentVolumeClaim.claimName`, claimed, detail));
    }
    if (faults.length === 0) good.set(volume.name, volume);
    all.push(...faults);
  }
  return { faults: all, good };
}

/** An ephemeral volume's claim has a name made of the pod's and its own. */
function checkClaimName(path: string, name: string, pod: OfPod | undefined): Faults {
  if (!pod?.name || !name) return [];
  const claim = `${pod.name}-${name}`;
  return subdomainFaults(claim).map((fault) => invalid(path, name, `PVC name "${claim}": ${fault}`));
}

const sortsOfTemplates: Sorts = {
  emptyDir: checkEmptyDir,
  hostPath: checkHostPath,
  gitRepo: checkGitRepo,
  gcePersistentDisk: { check: checkGceDisk, at: 'persistentDisk' },
  awsElasticBlockStore: checkAwsDisk,
  secret: checkSecret,
  nfs: checkNfs,
  iscsi: checkIscsiOfPod,
  glusterfs: needs('endpoints', 'path'),
  flocker: checkFlocker,
  persistentVolumeClaim: needs('claimName'),
  rbd: needs('monitors', 'image'),
  cinder: (path, cinder: CinderVolumeSource) => [
    ...needed(`${path}.volumeID`, cinder.volumeID),
    ...checkSecretRef(`${path}.secretRef`, cinder.secretRef, 'name'),
  ],
  cephfs: { check: needs('monitors'), barredAs: 'cephFS' },
  quobyte: checkQuobyte,
  downwardAPI: { check: checkDownwardApi, barredAs: 'downwarAPI' },
  fc: checkFc,
  flexVolume: checkFlexVolume,
  configMap: checkConfigMap,
  azureFile: needs('secretName', 'shareName'),
  vsphereVolume: needs('volumePath'),
  photonPersistentDisk: needs('pdID'),
  portworxVolume: needs('volumeID'),
  azureDisk: checkAzureDisk,
  storageos: (path, source: StorageOSVolumeSource) => [
    ...checkStorageOs(path, source),
    ...checkSecretRef(`${path}.secretRef`, source.secretRef, 'name'),
  ],
  projected: checkProjected,
  scaleIO: needs('gateway', 'system', 'volumeName'),
  csi: checkCsi,
  ephemeral: checkEphemeral,
  image: checkImagePolicy,
};

const sortsOfPods: Sorts = {
  ...sortsOfTemplates,
  image: (path, image: ImageVolumeSource) => [
    ...needed(`${path}.reference`, image.reference),
    ...checkImagePolicy(path, image),
  ],
};

function checkEmptyDir(path: string, { sizeLimit }: EmptyDirVolumeSource): Faults {
  return sizeLimit !== undefined && isNegative(sizeLimit)
    ? [fieldForbidden(`${path}.sizeLimit`, 'SizeLimit field must be a valid resource quantity')]
    : [];
}

function isNegative(amount: number | string): boolean {
  try {
    return parseQuantity(amount) < 0n;
  } catch (error) {
    if (error instanceof QuantityError) return true;
    throw error;
  }
}

function checkGitRepo(path: string, { repository, directory }: GitRepoVolumeSource): Faults {
  return [
    ...needed(`${path}.repository`, repository),
    ...(directory ? relativePath(`${path}.directory`, directory) : []),
  ];
}

function checkSecret(path: string, { secretName, defaultMode, items }: SecretVolumeSource): Faults {
  return [
    ...needed(`${path}.secretName`, secretName),
    ...checkMode(`${path}.defaultMode`, defaultMode),
    ...checkItems(`${path}.items`, items),
  ];
}

function checkConfigMap(path: string, { name, defaultMode, items }: ConfigMapVolumeSource): Faults {
  return [
    ...needed(`${path}.name`, name),
    ...checkMode(`${path}.defaultMode`, defaultMode),
    ...checkItems(`${path}.items`, items),
  ];
}

function checkDownwardApi(path: string, { defaultMode, items }: DownwardAPIVolumeSource): Faults {
  return [...checkMode(`${path}.defaultMode`, defaultMode), ...checkDownwardItems(path, items)];
}

function checkIscsiOfPod(path: string, iscsi: ISCSIVolumeSource): Faults {
  const wrongStart = 'must be valid format starting with iqn, eui, or naa';
  return [
    ...needed(`${path}.targetPortal`, iscsi.targetPortal),
    ...checkIscsi(path, iscsi, wrongStart),
    ...(iscsi.initiatorName === undefined
      ? []
      : checkInitiator(`${path}.initiatorname`, iscsi.initiatorName, wrongStart, true)),
  ];
}

function checkCsi(path: string, { driver, nodePublishSecretRef }: CSIVolumeSource): Faults {
  return [
    ...checkDriverName(`${path}.driver`, driver),
    ...checkSecretRef(`${path}.nodePublishSecretRef`, nodePublishSecretRef, 'name'),
  ];
}

/** Only labels and annotations of a claim's template mean anything. */
function checkEphemeral(path: string, { volumeClaimTemplate: template }: EphemeralVolumeSource): Faults {
  const at = `${path}.volumeClaimTemplate`;
  if (!template) return [required(at)];
  const { labels, annotations, ...others } = template.metadata ?? {};
  const faults = [
    ...checkAnnotations(`${at}.metadata.annotations`, annotations),
    ...checkLabels(`${at}.metadata.labels`, labels),
  ];
  for (const [field, value] of Object.entries(others)) {
    if (value !== undefined) faults.push(fieldForbidden(`${at}.metadata.${field}`, 'cannot be set'));
  }
  return [...faults, ...checkVolumeClaimSpec(`${at}.spec`, template.spec)];
}

function checkImagePolicy(path: string, { pullPolicy }: ImageVolumeSource): Faults {
  return optionalOneOf(`${path}.pullPolicy`, pullPolicy, ['Always', 'IfNotPresent', 'Never']);
}
