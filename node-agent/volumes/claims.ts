/** Volumes behind a PersistentVolumeClaim: the folder on this node that the bound PersistentVolume stands for. */
import { stat } from 'node:fs/promises';
import type { Client } from '#lib/client/types.ts';
import type { PersistentVolume, PersistentVolumeClaim, Pod, Volume } from '#lib/kinds/gen/core-v1.ts';
import { persistentVolumeClaim } from '#lib/kinds/persistent-volume-claim.ts';
import { persistentVolume } from '#lib/kinds/persistent-volume.ts';
import { setUpFailed, UnresolvedError, VolumeError } from './failures.ts';
import { hostPath } from './host-path.ts';

const provisionedByKey = 'pv.kubernetes.io/provisioned-by';
const boundKey = 'pv.kubernetes.io/bind-completed';

/** What a claim stands for. */
export interface ClaimedFolder {
  path: string;
  /** Whether it is the pod's to own: what may only be read is not, nor a folder of the node's that was not made for claims. */
  giveable: boolean;
  /** Whether the path is a block device rather than a folder. */
  device?: boolean;
  /** The path is a block device with a file system that is wanted, of this type and mounted so. */
  fileSystem?: { type?: string | undefined; options?: readonly string[] | undefined };
}

/** The name of the claim behind a volume; undefined for volumes of other sorts. */
export function claimOf(pod: Pod, { name, persistentVolumeClaim: claim, ephemeral }: Volume): string | undefined {
  return claim?.claimName ?? (ephemeral && `${pod.metadata.name}-${name}`);
}

/** Resolves a volume's claim to its folder; rejects while it is not bound, and for volumes this node cannot mount. */
export async function claimedFolder(client: Client, pod: Pod, volume: Volume): Promise<ClaimedFolder> {
  const { namespace = '', uid } = pod.metadata;
  const name = claimOf(pod, volume)!;
  const refuse = (why: string): never => {
    throw new UnresolvedError(`error processing PVC ${namespace}/${name}: ${why}`);
  };
  const fetched = <T>(what: string, get: Promise<T>): Promise<T> =>
    get.catch((error: Error) => refuse(`failed to fetch ${what} from API server: ${error.message}`));
  const claim: PersistentVolumeClaim = await fetched('PVC', client.get(persistentVolumeClaim, { namespace, name }));
  // A claim of somebody else's may happen to have the name that the pod's own would have.
  if (volume.ephemeral && !claim.metadata.ownerReferences?.some((owner) => owner.controller && owner.uid === uid)) {
    throw new UnresolvedError(
      `PVC ${namespace}/${name} was not created for pod ${namespace}/${pod.metadata.name} (pod is not owner)`,
    );
  }
  const volumeName = claim.spec.volumeName ?? '';
  // The controller says last of all in the status that it is bound.
  const isBound = claim.status?.phase === 'Bound' || claim.metadata.annotations?.[boundKey] !== undefined;
  if (!isBound || volumeName === '') refuse('PVC is not bound');
  const bound: PersistentVolume = await fetched(
    `PV ${volumeName}`,
    client.get(persistentVolume, { namespace: '', name: volumeName }),
  );
  const { uid: claimedBy = '' } = bound.spec.claimRef ?? {};
  if (claimedBy !== claim.metadata.uid) {
    const found = `found PV object ${volumeName} but its pv.Spec.ClaimRef.UID ${claimedBy}`;
    refuse(`${found} does not point to claim.UID ${claim.metadata.uid}`);
  }
  const writable = !volume.persistentVolumeClaim?.readOnly;
  if (bound.spec.volumeMode === 'Block') return { path: await blockDevice(bound), giveable: false, device: true };
  if (bound.spec.hostPath) {
    const madeForClaims = bound.metadata.annotations?.[provisionedByKey] !== undefined;
    const path = await hostPath(bound.spec.hostPath).catch((error: Error) => {
      throw new VolumeError([setUpFailed(volumeName, error.message)], { cause: error });
    });
    return { path, giveable: writable && madeForClaims };
  }
  if (bound.spec.local) {
    const { path, fsType } = bound.spec.local;
    const found = await stat(path).catch(() => undefined);
    if (!found) {
      const failed = `MountVolume.NewMounter initialization failed for volume "${volumeName}"`;
      throw new VolumeError([`${failed} : path "${path}" does not exist`]);
    }
    const fileSystem = { type: fsType, options: bound.spec.mountOptions };
    return { path, giveable: writable, ...(found.isBlockDevice() && { fileSystem }) };
  }
  throw new Error(`PersistentVolume ${volumeName} has no source this node can mount`);
}

/** The device of a volume that is shown as one: upstream too has only local volumes of that sort among those of a node. */
async function blockDevice({ metadata, spec }: PersistentVolume): Promise<string> {
  const path = spec.local?.path;
  if (path === undefined) throw new Error(`PersistentVolume ${metadata.name} has no block device this node can show`);
  const found = await stat(path).catch(() => undefined);
  if (!found) throw new Error(`path "${path}" does not exist`);
  if (!found.isBlockDevice()) throw new Error(`path "${path}" is not a block device`);
  return path;
}
