/** Volumes and claims are born with the finalizer that keeps them while they are in use. */
import { persistentVolumeClaim } from '#lib/kinds/persistent-volume-claim.ts';
import { persistentVolume } from '#lib/kinds/persistent-volume.ts';
import { creates } from './types.ts';
import type { AdmissionPlugin } from './types.ts';

export const storageObjectInUseProtection: AdmissionPlugin = {
  name: 'StorageObjectInUseProtection',
  admit(request) {
    const { metadata } = request.object;
    const finalizer = creates(request, persistentVolumeClaim)
      ? 'kubernetes.io/pvc-protection'
      : creates(request, persistentVolume)
        ? 'kubernetes.io/pv-protection'
        : undefined;
    if (finalizer === undefined || metadata.finalizers?.includes(finalizer)) return;
    metadata.finalizers = [...(metadata.finalizers ?? []), finalizer];
  },
};
