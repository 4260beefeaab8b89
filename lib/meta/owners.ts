/** Owner references: who controls an object. */
import type { OwnerReference, Resource } from './object.ts';

/** The reference with `controller: true`, of which validation allows one. */
export function controllerOf(object: {
  metadata: { ownerReferences?: OwnerReference[] | undefined };
}): OwnerReference | undefined {
  return object.metadata.ownerReferences?.find((owner) => owner.controller === true);
}

/** Whether `owner` (by uid) controls `object`. */
export function isControlledBy(
  object: { metadata: { ownerReferences?: OwnerReference[] | undefined } },
  owner: { metadata: { uid: string } },
): boolean {
  return controllerOf(object)?.uid === owner.metadata.uid;
}

/** The reference a controller puts on what it creates. */
export function controllerRef(owner: Resource): OwnerReference {
  const { apiVersion, kind, metadata } = owner;
  return { apiVersion, kind, name: metadata.name, uid: metadata.uid, controller: true, blockOwnerDeletion: true };
}
