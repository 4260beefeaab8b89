/** Which objects belong to a controller: those that point at it and match its selector, and orphans that match. */
import type { Action } from '#lib/control/types.ts';
import type { Kind } from '#lib/kinds/define-kind.ts';
import type { OwnerReference, Resource } from '#lib/meta/object.ts';
import { controllerOf, controllerRef } from '#lib/meta/owners.ts';
import { matches } from '#lib/meta/selectors.ts';
import type { Selector } from '#lib/meta/selectors.ts';

export interface Claimed<T extends Resource> {
  owned: T[];
  /** Patches that adopt matching orphans and release what no longer matches. */
  actions: Action[];
}

/** Sorts `candidates` by ownership. An owner that is being deleted neither adopts nor releases. */
export function claim<T extends Resource>(
  owner: Resource,
  selector: Selector,
  kind: Kind<T>,
  candidates: readonly T[],
): Claimed<T> {
  const owned: T[] = [];
  const actions: Action[] = [];
  const going = owner.metadata.deletionTimestamp !== undefined;
  for (const candidate of candidates) {
    const controller = controllerOf(candidate);
    const wanted = matches(selector, candidate.metadata.labels);
    if (controller?.uid === owner.metadata.uid) {
      if (wanted) owned.push(candidate);
      else if (!going) actions.push(setOwners(kind, candidate, without(candidate, owner.metadata.uid)));
    } else if (!controller && wanted && !going && candidate.metadata.deletionTimestamp === undefined) {
      owned.push(candidate);
      const others = without(candidate, owner.metadata.uid);
      actions.push(setOwners(kind, candidate, [...others, controllerRef(owner)]));
    }
  }
  return { owned, actions };
}

/** A patch of the whole list of owners, which holds for this version of the object only. */
export function setOwners(kind: Kind, { metadata }: Resource, ownerReferences: OwnerReference[]): Action {
  const { namespace = '', name, uid, resourceVersion } = metadata;
  const owners = ownerReferences.length > 0 ? ownerReferences : null;
  return {
    do: 'patch',
    kind,
    target: { namespace, name },
    uid,
    patch: { metadata: { uid, resourceVersion, ownerReferences: owners } },
  };
}

function without({ metadata }: Resource, uid: string): OwnerReference[] {
  return (metadata.ownerReferences ?? []).filter((owner) => owner.uid !== uid);
}
