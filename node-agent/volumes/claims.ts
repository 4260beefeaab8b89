/** Volumes behind a PersistentVolumeClaim: the folder on this node that the bound PersistentVolume stands for. */
import { stat } from 'node:fs/promises';
import type { Client } from '#lib/client/types.ts';
import type { PersistentVolume, PersistentVolumeClaim } from '#lib/kinds/gen/core-v1.ts';
import { persistentVolumeClaim } from '#lib/kinds/persistent-volume-claim.ts';
import { persistentVolume } from '#lib/kinds/persistent-volume.ts';
import { hostPath } from './host-path.ts';

/** Resolves a claim to its folder; rejects while it is not bound, and for volumes this node cannot mount. */
export async function claimPath(client: Client, namespace: string, name: string): Promise<string> {
  const claim: PersistentVolumeClaim = await client.get(persistentVolumeClaim, { namespace, name });
  const volumeName = claim.spec.volumeName ?? '';
  if (claim.status?.phase !== 'Bound' || volumeName === '') {
    throw new Error(`error processing PVC ${namespace}/${name}: PVC is not bound`);
  }
  const volume: PersistentVolume = await client.get(persistentVolume, { namespace: '', name: volumeName });
  if (volume.spec.claimRef?.uid !== claim.metadata.uid) {
    throw new Error(`error processing PVC ${namespace}/${name}: PV ${volumeName} is bound to another claim`);
  }
  if (volume.spec.hostPath) return hostPath(volume.spec.hostPath);
  if (volume.spec.local) {
    const { path } = volume.spec.local;
    if (!(await stat(path).catch(() => undefined))) throw new Error(`path "${path}" does not exist`);
    return path;
  }
  throw new Error(`PersistentVolume ${volumeName} has no source this node can mount`);
}
