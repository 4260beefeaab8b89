/** Wires the decisions to claims, volumes and pods. */
import type { View } from '#lib/client/types.ts';
import { watch } from '#lib/control/reconcile.ts';
import type { Controller } from '#lib/control/reconcile.ts';
import type { Action } from '#lib/control/types.ts';
import type { PersistentVolume, PersistentVolumeClaim, Pod } from '#lib/kinds/gen/core-v1.ts';
import { node } from '#lib/kinds/node.ts';
import { persistentVolumeClaim } from '#lib/kinds/persistent-volume-claim.ts';
import { persistentVolume } from '#lib/kinds/persistent-volume.ts';
import { pod } from '#lib/kinds/pod.ts';
import { storageClass } from '#lib/kinds/storage-class.ts';
import { isTrue } from '#lib/meta/conditions.ts';
import type { Draft } from '#lib/meta/object.ts';
import { keyOf, refOf } from '#lib/meta/object.ts';
import { controllerRef } from '#lib/meta/owners.ts';
import { claimsOf } from '../claims-of.ts';
import { isFinished } from '../pods.ts';
import { decideClaim, decideVolume } from './decide.ts';
import type { ClaimSeen, VolumeSeen } from './decide.ts';

export const claimController: Controller<ClaimSeen> = {
  name: 'persistentvolume-controller',
  // One at a time: two claims must not choose the same volume.
  workers: 1,
  watches: [
    watch(persistentVolumeClaim, ({ metadata }) => [keyOf(metadata)]),
    watch(persistentVolume, (_volume, view) => view.list(persistentVolumeClaim).filter(isUnbound).map(keyOfClaim)),
    watch(persistentVolume, ({ spec: { claimRef } }) =>
      claimRef?.name ? [keyOf({ ...claimRef, name: claimRef.name })] : [],
    ),
    watch(storageClass, (_class, view) => view.list(persistentVolumeClaim).filter(isUnbound).map(keyOfClaim)),
    watch(
      pod,
      claimsOf,
      ({ before, object }) =>
        !before ||
        !object ||
        before.spec.nodeName !== object.spec.nodeName ||
        isFinished(before) !== isFinished(object),
    ),
  ],
  see(key, { view }) {
    const ref = refOf(key);
    const claim = view.get(persistentVolumeClaim, ref);
    if (!claim) return undefined;
    return {
      claim,
      volumes: view.list(persistentVolume),
      classes: view.list(storageClass),
      users: view.indexed(pod, 'podsByClaim', key),
      nodeOf: (name) => view.get(node, { namespace: '', name }),
      anyNode: view.list(node).find(({ status }) => isTrue(status?.conditions, 'Ready')),
    };
  },
  decide: decideClaim,
};

export const volumeController: Controller<VolumeSeen> = {
  name: 'persistentvolume-phase-controller',
  watches: [
    watch(persistentVolume, ({ metadata }) => [metadata.name]),
    watch(persistentVolumeClaim, (claim, view) => volumesOf(claim, view)),
  ],
  see(name, { view }) {
    const volume = view.get(persistentVolume, { namespace: '', name });
    if (!volume) return undefined;
    const { claimRef } = volume.spec;
    const claim = claimRef?.uid ? view.byUid(claimRef.uid) : undefined;
    return { volume, claim: claim as PersistentVolumeClaim | undefined };
  },
  decide: decideVolume,
};

/** Claims that pods bring along: made for them, and gone with them. */
export const ephemeralVolumeController: Controller<{ object: Pod; missing: Draft<PersistentVolumeClaim>[] }> = {
  name: 'ephemeral-volume-controller',
  watches: [watch(pod, (object) => (ephemeralsOf(object).length > 0 ? [keyOf(object.metadata)] : []))],
  see(key, { view }) {
    const object = view.get(pod, refOf(key));
    if (!object || object.metadata.deletionTimestamp !== undefined) return undefined;
    const missing = ephemeralsOf(object).filter(
      ({ metadata }) => !view.get(persistentVolumeClaim, { namespace: metadata.namespace ?? '', name: metadata.name! }),
    );
    return { object, missing };
  },
  decide: ({ missing }) => missing.map((object): Action => ({ do: 'create', kind: persistentVolumeClaim, object })),
};

/** The claims of a pod's generic ephemeral volumes. */
function ephemeralsOf(object: Pod): Draft<PersistentVolumeClaim>[] {
  const { namespace, name } = object.metadata;
  return (object.spec.volumes ?? []).flatMap((volume) => {
    const template = volume.ephemeral?.volumeClaimTemplate;
    if (!template) return [];
    const { labels, annotations } = template.metadata ?? {};
    const metadata = {
      name: `${name}-${volume.name}`,
      namespace,
      ...(labels && { labels }),
      ...(annotations && { annotations }),
      ownerReferences: [controllerRef(object)],
    };
    return [{ metadata, spec: template.spec }];
  });
}

function volumesOf({ metadata, spec }: PersistentVolumeClaim, view: View): string[] {
  const naming = view
    .list(persistentVolume)
    .filter((volume: PersistentVolume) => volume.spec.claimRef?.uid === metadata.uid)
    .map((volume) => volume.metadata.name);
  return [...new Set([...naming, ...(spec.volumeName ? [spec.volumeName] : [])])];
}

function isUnbound({ spec }: PersistentVolumeClaim): boolean {
  return !spec.volumeName;
}

function keyOfClaim({ metadata }: PersistentVolumeClaim): string {
  return keyOf(metadata);
}
