/** The lives of claims and volumes: found or made, bound, lost, released. */
import type { Action } from '#lib/control/types.ts';
import type { Node, PersistentVolume, PersistentVolumeClaim, Pod } from '#lib/kinds/gen/core-v1.ts';
import type { StorageClass } from '#lib/kinds/gen/storage-v1.ts';
import { persistentVolumeClaim } from '#lib/kinds/persistent-volume-claim.ts';
import { persistentVolume } from '#lib/kinds/persistent-volume.ts';
import { isFinished } from '../pods.ts';
import { bind, boundKey, byControllerKey, claimFinalizer, claimStatus, volumeFinalizer, volumePhase } from './bind.ts';
import { bestVolume, isReservedFor, suits } from '#lib/control/volume-matching.ts';
import { folderProvisioner, provision, provisionedByKey } from './provision.ts';

export interface ClaimSeen {
  claim: PersistentVolumeClaim;
  volumes: PersistentVolume[];
  classes: StorageClass[];
  /** Pods that use the claim. */
  users: Pod[];
  nodeOf(name: string): Node | undefined;
  /** Where to put a volume of a class that waits for nobody. */
  anyNode: Node | undefined;
}

const defaultClassKey = 'storageclass.kubernetes.io/is-default-class';
const provisionerKey = 'volume.kubernetes.io/storage-provisioner';

export function decideClaim(seen: ClaimSeen): Action[] {
  const { claim } = seen;
  const guard = guardClaim(seen);
  if (guard.length > 0 || claim.metadata.deletionTimestamp !== undefined) return guard;
  return claim.metadata.annotations?.[boundKey] === undefined ? findVolume(seen) : checkBound(seen);
}

/** A claim goes only after the last pod that uses it. */
function guardClaim({ claim, users }: ClaimSeen): Action[] {
  const inUse = users.some((pod) => !isFinished(pod));
  return guard(persistentVolumeClaim, claim, claimFinalizer, inUse);
}

function guard(
  kind: typeof persistentVolumeClaim | typeof persistentVolume,
  { metadata }: PersistentVolumeClaim | PersistentVolume,
  finalizer: string,
  inUse: boolean,
): Action[] {
  const { namespace = '', name, uid, resourceVersion, finalizers = [] } = metadata;
  const going = metadata.deletionTimestamp !== undefined;
  if (finalizers.includes(finalizer) ? !going || inUse : going) return [];
  const next = going ? finalizers.filter((each) => each !== finalizer) : [...finalizers, finalizer];
  const patch = { metadata: { uid, resourceVersion, finalizers: next.length > 0 ? next : null } };
  return [{ do: 'patch', kind, target: { namespace, name }, uid, patch }];
}

function findVolume(seen: ClaimSeen): Action[] {
  const { claim, volumes, classes } = seen;
  const { volumeName, storageClassName } = claim.spec;
  if (volumeName) {
    const volume = volumes.find(({ metadata }) => metadata.name === volumeName);
    const free = volume && (!volume.spec.claimRef || isReservedFor(volume, claim));
    if (free && suits(claim, volume)) return bind(claim, volume);
    return claimStatus(claim, { ...claim.status, phase: 'Pending' });
  }
  if (storageClassName === undefined) {
    const fallback = classes.find(({ metadata }) => metadata.annotations?.[defaultClassKey] === 'true');
    if (fallback) {
      const spec = { ...claim.spec, storageClassName: fallback.metadata.name };
      const object: PersistentVolumeClaim = { ...claim, spec };
      return [{ do: 'update', kind: persistentVolumeClaim, object }];
    }
  }
  return findByClass(seen);
}

function findByClass(seen: ClaimSeen): Action[] {
  const { claim, volumes, classes, users, nodeOf, anyNode } = seen;
  const { storageClassName } = claim.spec;
  const storage = classes.find(({ metadata }) => metadata.name === storageClassName);
  const placed = users.map(({ spec }) => spec.nodeName && nodeOf(spec.nodeName)).find(Boolean) || undefined;
  const pending = claimStatus(claim, { ...claim.status, phase: 'Pending' });
  const waits = storage?.volumeBindingMode === 'WaitForFirstConsumer';
  const reserved = volumes.find(
    (volume) => volume.spec.claimRef && isReservedFor(volume, claim) && suits(claim, volume),
  );
  if (reserved) return bind(claim, reserved);
  if (waits && !placed) {
    const message = 'waiting for first consumer to be created before binding';
    return [...pending, tell(claim, 'Normal', 'WaitForFirstConsumer', message)];
  }
  const found = bestVolume(claim, volumes, placed);
  if (found) return bind(claim, found);
  if (!storage) {
    const why = 'no persistent volumes available for this claim and no storage class is set';
    const missing = `storageclass.storage.k8s.io "${storageClassName ?? ''}" not found`;
    return storageClassName
      ? [...pending, tell(claim, 'Warning', 'ProvisioningFailed', missing)]
      : [...pending, tell(claim, 'Normal', 'FailedBinding', why)];
  }
  if (storage.provisioner === folderProvisioner) {
    const node = placed ?? anyNode;
    return node ? [...pending, provision(claim, storage, node)] : pending;
  }
  return [...pending, ...askProvisioner(claim, storage.provisioner)];
}

/** Somebody else makes the volume: the annotation asks, the event tells the user. */
function askProvisioner(claim: PersistentVolumeClaim, provisioner: string): Action[] {
  if (provisioner === 'kubernetes.io/no-provisioner') return [];
  const message = `Waiting for a volume to be created either by the external provisioner '${provisioner}' or manually by the system administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered.`;
  const told = tell(claim, 'Normal', 'ExternalProvisioning', message);
  if (claim.metadata.annotations?.[provisionerKey] === provisioner) return [told];
  const annotations = { ...claim.metadata.annotations, [provisionerKey]: provisioner };
  const object: PersistentVolumeClaim = { ...claim, metadata: { ...claim.metadata, annotations } };
  return [told, { do: 'update', kind: persistentVolumeClaim, object }];
}

function checkBound({ claim, volumes }: ClaimSeen): Action[] {
  const volume = volumes.find(({ metadata }) => metadata.name === claim.spec.volumeName);
  if (!volume)
    return lose(claim, 'ClaimLost', 'Bound claim has lost its PersistentVolume. Data on the volume is lost!');
  const { claimRef } = volume.spec;
  if (!claimRef || isReservedFor(volume, claim)) return bind(claim, volume);
  return lose(claim, 'ClaimMisbound', 'Two claims are bound to the same volume, this one is bound incorrectly');
}

function lose(claim: PersistentVolumeClaim, reason: string, message: string): Action[] {
  const status = claimStatus(claim, { phase: 'Lost' });
  return status.length > 0 ? [...status, tell(claim, 'Warning', reason, message)] : [];
}

function tell(regarding: PersistentVolumeClaim, type: 'Normal' | 'Warning', reason: string, message: string): Action {
  return { do: 'event', regarding, type, reason, message };
}

export interface VolumeSeen {
  volume: PersistentVolume;
  /** The claim that the volume names, if it is there under that uid. */
  claim: PersistentVolumeClaim | undefined;
}

export function decideVolume({ volume, claim }: VolumeSeen): Action[] {
  const guarded = guard(
    persistentVolume,
    volume,
    volumeFinalizer,
    volume.status?.phase === 'Bound' && claim !== undefined,
  );
  if (guarded.length > 0) return guarded;
  const { claimRef } = volume.spec;
  if (!claimRef?.uid) return volumePhase(volume, 'Available');
  if (!claim) return release(volume);
  if (claim.spec.volumeName === volume.metadata.name) return volumePhase(volume, 'Bound');
  if (!claim.spec.volumeName) return [];
  // The claim has found another volume: one that was made for it is of no use, another is free again.
  return isOurs(volume) ? release(volume) : unbind(volume);
}

/** The claim is gone. What was made for it goes, too, unless its class keeps volumes. */
function release(volume: PersistentVolume): Action[] {
  const { name, uid, deletionTimestamp } = volume.metadata;
  const released = volumePhase(volume, 'Released');
  const goes =
    volume.spec.persistentVolumeReclaimPolicy === 'Delete' && isOurs(volume) && deletionTimestamp === undefined;
  return goes
    ? [...released, { do: 'delete', kind: persistentVolume, target: { namespace: '', name }, uid }]
    : released;
}

function isOurs({ metadata }: PersistentVolume): boolean {
  return metadata.annotations?.[provisionedByKey] === folderProvisioner;
}

function unbind(volume: PersistentVolume): Action[] {
  if (volume.metadata.annotations?.[byControllerKey] === undefined) return [];
  const { [byControllerKey]: _, ...annotations } = volume.metadata.annotations;
  const { claimRef: _claim, ...spec } = volume.spec;
  const object: PersistentVolume = { ...volume, metadata: { ...volume.metadata, annotations }, spec };
  return [{ do: 'update', kind: persistentVolume, object }];
}
