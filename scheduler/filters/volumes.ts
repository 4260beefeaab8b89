import type { PersistentVolumeClaim, PodSpec } from '#lib/kinds/gen/core-v1.ts';
import { bestVolume } from '#lib/control/volume-matching.ts';
import type { NodeInfo } from '../cluster/node-info.ts';
import type { Volumes } from '../cluster/volumes.ts';
import type { Filter } from './filter.ts';
import { far, never } from './filter.ts';
import { anyTerm } from './node-affinity.ts';

const elsewhere = far(never('node(s) had volume node affinity conflict'));
const nothingFound = far(never("node(s) didn't find available persistent volumes to bind"));
const lost = far(never('node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)'));

/**
 * Claims must exist and be bound, unless their class waits for the first consumer; bound volumes must be reachable from
 * the node (upstream: VolumeBinding).
 */
export const volumes: Filter = (pod, cluster) => {
  const claims = claimNames(pod.pod.spec, pod.name);
  if (claims.length === 0) return undefined;
  const searching: PersistentVolumeClaim[] = [];
  const reachable: ((node: NodeInfo) => boolean)[] = [];
  for (const { name, ephemeral } of claims) {
    const claim = cluster.volumes.claims.get(`${pod.namespace}/${name}`);
    if (!claim && ephemeral)
      return far(never(`waiting for ephemeral volume controller to create the persistentvolumeclaim "${name}"`));
    if (!claim) return far(never(`persistentvolumeclaim "${name}" not found`));
    if (claim.metadata.deletionTimestamp) return far(never(`persistentvolumeclaim "${name}" is being deleted`));
    if (claim.status?.phase === 'Lost')
      return never(
        `persistentvolumeclaim "${name}" bound to non-existent persistentvolume "${claim.spec.volumeName ?? ''}"`,
      );
    if (!isBound(claim)) {
      if (waitsForConsumer(claim, cluster.volumes)) {
        if (!isProvisioned(claim, cluster.volumes)) searching.push(claim);
        continue;
      }
      return far(never('pod has unbound immediate PersistentVolumeClaims'));
    }
    const volume = cluster.volumes.volumes.get(claim.spec.volumeName!);
    if (!volume) return () => lost;
    const required = volume.spec.nodeAffinity?.required;
    if (required) reachable.push(anyTerm(required));
  }
  if (reachable.length === 0 && searching.length === 0) return undefined;
  return (node) => {
    if (!reachable.every((from) => from(node))) return elsewhere;
    return canFindAll(searching, cluster.volumes, node) ? undefined : nothingFound;
  };
};

/** Whether each claim finds a volume of its own that this node reaches. The volume controller makes the same choice afterwards. */
function canFindAll(claims: readonly PersistentVolumeClaim[], { volumes }: Volumes, { node }: NodeInfo): boolean {
  if (claims.length === 0) return true;
  let left = [...volumes.values()];
  return claims.every((claim) => {
    const found = bestVolume(claim, left, node);
    left = left.filter((volume) => volume !== found);
    return found !== undefined;
  });
}

/** The claims a pod uses, by name; a generic ephemeral volume's is named after pod and volume. */
function claimNames(spec: PodSpec, podName: string): { name: string; ephemeral: boolean }[] {
  const claims: { name: string; ephemeral: boolean }[] = [];
  for (const { name, persistentVolumeClaim, ephemeral } of spec.volumes ?? []) {
    if (persistentVolumeClaim) claims.push({ name: persistentVolumeClaim.claimName, ephemeral: false });
    else if (ephemeral) claims.push({ name: `${podName}-${name}`, ephemeral: true });
  }
  return claims;
}

/** Whether a claim and its volume have found each other for good. */
function isBound({ spec, metadata, status }: PersistentVolumeClaim): boolean {
  const settled = metadata.annotations?.['pv.kubernetes.io/bind-completed'] !== undefined || status?.phase === 'Bound';
  return !!spec.volumeName && settled;
}

/** Whether somebody makes volumes for the claim's class, wherever they are needed. */
function isProvisioned({ spec }: PersistentVolumeClaim, { classes }: Volumes): boolean {
  return classes.get(spec.storageClassName ?? '')?.provisioner !== 'kubernetes.io/no-provisioner';
}

function waitsForConsumer({ spec }: PersistentVolumeClaim, { classes }: Volumes): boolean {
  return classes.get(spec.storageClassName ?? '')?.volumeBindingMode === 'WaitForFirstConsumer';
}
