/** Ties a volume and a claim to each other, in an order that can be taken up again after every step. */
import type { Action } from '#lib/control/types.ts';
import type { ObjectReference, PersistentVolume, PersistentVolumeClaim } from '#lib/kinds/gen/core-v1.ts';
import { persistentVolumeClaim } from '#lib/kinds/persistent-volume-claim.ts';
import { persistentVolume } from '#lib/kinds/persistent-volume.ts';
import { equal } from '#lib/meta/equal.ts';

export const boundKey = 'pv.kubernetes.io/bind-completed';
export const byControllerKey = 'pv.kubernetes.io/bound-by-controller';
export const volumeFinalizer = 'kubernetes.io/pv-protection';
export const claimFinalizer = 'kubernetes.io/pvc-protection';

export function claimRefTo({ metadata }: PersistentVolumeClaim): ObjectReference {
  const { namespace, name, uid, resourceVersion } = metadata;
  return { apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace, name, uid, resourceVersion };
}

/** The volume points at the claim first, then the claim at the volume: a volume is never promised twice. */
export function bind(claim: PersistentVolumeClaim, volume: PersistentVolume): Action[] {
  const actions: Action[] = [];
  if (volume.spec.claimRef?.uid !== claim.metadata.uid) {
    const chosen = volume.spec.claimRef ? {} : { [byControllerKey]: 'yes' };
    const metadata = { ...volume.metadata, annotations: { ...volume.metadata.annotations, ...chosen } };
    const object: PersistentVolume = { ...volume, metadata, spec: { ...volume.spec, claimRef: claimRefTo(claim) } };
    actions.push({ do: 'update', kind: persistentVolume, object });
  }
  actions.push(...volumePhase(volume, 'Bound'));
  const { annotations } = claim.metadata;
  if (claim.spec.volumeName !== volume.metadata.name || annotations?.[boundKey] === undefined) {
    const chosen = claim.spec.volumeName ? {} : { [byControllerKey]: 'yes' };
    const metadata = { ...claim.metadata, annotations: { ...annotations, ...chosen, [boundKey]: 'yes' } };
    const spec = { ...claim.spec, volumeName: volume.metadata.name };
    const object: PersistentVolumeClaim = { ...claim, metadata, spec };
    actions.push({ do: 'update', kind: persistentVolumeClaim, object });
  }
  const { accessModes, capacity } = volume.spec;
  return [...actions, ...claimStatus(claim, { ...claim.status, phase: 'Bound', accessModes, capacity })];
}

export function volumePhase(
  volume: PersistentVolume,
  phase: NonNullable<PersistentVolume['status']>['phase'],
  message?: string,
): Action[] {
  const status = { phase, ...(message !== undefined && { message }) };
  if (volume.status?.phase === phase && volume.status?.message === message) return [];
  const object: PersistentVolume = { ...volume, status };
  return [{ do: 'status', kind: persistentVolume, object }];
}

export function claimStatus(claim: PersistentVolumeClaim, status: PersistentVolumeClaim['status']): Action[] {
  if (equal(status, claim.status)) return [];
  const object: PersistentVolumeClaim = { ...claim, status };
  return [{ do: 'status', kind: persistentVolumeClaim, object }];
}
