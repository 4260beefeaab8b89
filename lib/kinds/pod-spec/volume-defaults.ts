/** What volumes mean where they say nothing, of pods and persistent ones. */
import type { PersistentVolumeSpec, Volume } from '../gen/core-v1.ts';
import { pullPolicyOf } from './pull-policy.ts';
import { setVolumeClaimDefaults } from './volume-claim-defaults.ts';

/** Permission bits of projected files. */
const defaultFileMode = 0o644;

/** Defaults of a pod's volume: one that says nothing at all is an empty folder. */
export function setVolumeDefaults(volume: Volume): void {
  if (Object.keys(volume).every((key) => key === 'name')) volume.emptyDir = {};
  setSourceDefaults(volume);
  if (volume.secret) volume.secret.defaultMode ??= defaultFileMode;
  if (volume.configMap) volume.configMap.defaultMode ??= defaultFileMode;
  if (volume.downwardAPI) {
    volume.downwardAPI.defaultMode ??= defaultFileMode;
    setDownwardDefaults(volume.downwardAPI);
  }
  if (volume.projected) {
    volume.projected.defaultMode ??= defaultFileMode;
    for (const { downwardAPI, serviceAccountToken } of volume.projected.sources ?? []) {
      if (downwardAPI) setDownwardDefaults(downwardAPI);
      if (serviceAccountToken) serviceAccountToken.expirationSeconds ??= 3600;
    }
  }
  if (volume.image) volume.image.pullPolicy ||= pullPolicyOf(volume.image.reference ?? '');
  if (volume.ephemeral?.volumeClaimTemplate) setVolumeClaimDefaults(volume.ephemeral.volumeClaimTemplate.spec);
}

/** Defaults of the sources that pods' volumes and persistent ones have in common. */
export function setSourceDefaults({ hostPath, iscsi, rbd, azureDisk, scaleIO }: Volume | PersistentVolumeSpec): void {
  if (hostPath) hostPath.type ??= '';
  if (iscsi) iscsi.iscsiInterface ||= 'default';
  if (rbd) {
    rbd.pool ||= 'rbd';
    rbd.user ||= 'admin';
    rbd.keyring ||= '/etc/ceph/keyring';
  }
  if (azureDisk) {
    azureDisk.cachingMode ??= 'ReadWrite';
    azureDisk.kind ??= 'Shared';
    azureDisk.fsType ??= 'ext4';
    azureDisk.readOnly ??= false;
  }
  if (scaleIO) {
    scaleIO.storageMode ||= 'ThinProvisioned';
    scaleIO.fsType ||= 'xfs';
  }
}

function setDownwardDefaults(source: {
  items?:
    | {
        fieldRef?: { apiVersion?: string | undefined } | undefined;
        resourceFieldRef?: { divisor?: number | string | undefined } | undefined;
      }[]
    | undefined;
}): void {
  for (const { fieldRef, resourceFieldRef } of source.items ?? []) {
    if (fieldRef) fieldRef.apiVersion ||= 'v1';
    if (resourceFieldRef) resourceFieldRef.divisor ??= '0';
  }
}
