/** Volumes made on demand: a folder on the node where the claim's first user runs. */
import type { Action } from '#lib/control/types.ts';
import type { Node, PersistentVolume, PersistentVolumeClaim } from '#lib/kinds/gen/core-v1.ts';
import type { StorageClass } from '#lib/kinds/gen/storage-v1.ts';
import { persistentVolume } from '#lib/kinds/persistent-volume.ts';
import type { Draft } from '#lib/meta/object.ts';
import { claimRefTo, volumeFinalizer } from './bind.ts';

/** The provisioner that StorageClasses name to get such volumes; parameter `path` says where the folders are. */
export const folderProvisioner = 'wherry.local/folder';
export const provisionedByKey = 'pv.kubernetes.io/provisioned-by';
const defaultFolder = '/var/lib/wherry/volumes';

/** Makes the volume of a claim, under a name that only this claim can have. */
export function provision(claim: PersistentVolumeClaim, storage: StorageClass, node: Node): Action {
  const name = `pvc-${claim.metadata.uid}`;
  const hostname = node.metadata.labels?.['kubernetes.io/hostname'] ?? node.metadata.name;
  const onNode = { key: 'kubernetes.io/hostname', operator: 'In' as const, values: [hostname] };
  const object: Draft<PersistentVolume> = {
    metadata: { name, annotations: { [provisionedByKey]: folderProvisioner }, finalizers: [volumeFinalizer] },
    spec: {
      capacity: { storage: claim.spec.resources?.requests?.['storage'] ?? '0' },
      accessModes: claim.spec.accessModes,
      volumeMode: claim.spec.volumeMode,
      persistentVolumeReclaimPolicy: storage.reclaimPolicy,
      storageClassName: storage.metadata.name,
      ...(storage.mountOptions && { mountOptions: storage.mountOptions }),
      claimRef: claimRefTo(claim),
      hostPath: { path: `${storage.parameters?.['path'] ?? defaultFolder}/${name}`, type: 'DirectoryOrCreate' },
      nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [onNode] }] } },
    },
  };
  return {
    do: 'create',
    kind: persistentVolume,
    object,
    report: {
      regarding: claim,
      done: {
        reason: 'ProvisioningSucceeded',
        message: `Successfully provisioned volume {name} using ${folderProvisioner}`,
      },
      failed: { reason: 'ProvisioningFailed', message: '{error}' },
    },
  };
}
