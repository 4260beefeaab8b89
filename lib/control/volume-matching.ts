/** Which PersistentVolume suits a claim. */
import type { Node, PersistentVolume, PersistentVolumeClaim } from '#lib/kinds/gen/core-v1.ts';
import { parseQuantity } from '#lib/meta/quantities.ts';
import { matches, selects } from '#lib/meta/selectors.ts';

/** The volume made for this claim, or the smallest free one that suits it; `node` is where its first user runs. */
export function bestVolume(
  claim: PersistentVolumeClaim,
  volumes: readonly PersistentVolume[],
  node: Node | undefined,
): PersistentVolume | undefined {
  const suitable = volumes.filter((volume) => suits(claim, volume) && (!node || isReachable(volume, node)));
  const reserved = suitable.find((volume) => isReservedFor(volume, claim));
  if (reserved) return reserved;
  const free = suitable.filter(({ spec, status }) => !spec.claimRef && status?.phase === 'Available');
  return free.toSorted(
    (a, b) => compare(capacityOf(a), capacityOf(b)) || (a.metadata.name < b.metadata.name ? -1 : 1),
  )[0];
}

/** Whether the volume has what the claim asks for. */
export function suits({ spec }: PersistentVolumeClaim, volume: PersistentVolume): boolean {
  const { accessModes = [], volumeMode = 'Filesystem', storageClassName = '' } = volume.spec;
  if (volume.metadata.deletionTimestamp !== undefined) return false;
  if ((spec.storageClassName ?? '') !== storageClassName || (spec.volumeMode ?? 'Filesystem') !== volumeMode)
    return false;
  if (!(spec.accessModes ?? []).every((mode) => accessModes.includes(mode))) return false;
  if (spec.selector && !selects(spec.selector, volume.metadata.labels)) return false;
  return capacityOf(volume) >= parseQuantity(spec.resources?.requests?.['storage'] ?? 0);
}

/** Whether the volume names this very claim; without a uid it waits for any claim of that name. */
export function isReservedFor({ spec: { claimRef } }: PersistentVolume, { metadata }: PersistentVolumeClaim): boolean {
  if (claimRef?.name !== metadata.name || claimRef.namespace !== metadata.namespace) return false;
  return !claimRef.uid || claimRef.uid === metadata.uid;
}

function isReachable({ spec }: PersistentVolume, { metadata }: Node): boolean {
  const terms = spec.nodeAffinity?.required?.nodeSelectorTerms;
  if (!terms) return true;
  const fields = { 'metadata.name': metadata.name };
  return terms.some(({ matchExpressions = [], matchFields = [] }) => {
    const onLabels = matchExpressions.map(({ values = [], ...rest }) => ({ ...rest, values }));
    const onFields = matchFields.map(({ values = [], ...rest }) => ({ ...rest, values }));
    return onLabels.length + onFields.length > 0 && matches(onLabels, metadata.labels) && matches(onFields, fields);
  });
}

function capacityOf({ spec }: PersistentVolume): bigint {
  return parseQuantity(spec.capacity?.['storage'] ?? 0);
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : Number(a > b);
}
