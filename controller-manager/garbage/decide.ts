/** What becomes of an object by the will of its owners: upstream's garbage collection, one object at a time. */
import type { Action } from '#lib/control/types.ts';
import type { Kind } from '#lib/kinds/define-kind.ts';
import type { OwnerReference, Resource } from '#lib/meta/object.ts';
import { setOwners } from '../claim.ts';

/**
 * `solid`: there, and staying; `waiting`: there, but going once its dependents are gone; `absent`: the API server says that there is
 * none with this uid; `unknown`: not ours to tell, which protects like a solid one.
 */
export type OwnerState = 'solid' | 'waiting' | 'absent' | 'unknown';

export interface Owner {
  reference: OwnerReference;
  state: OwnerState;
  /** Where an object with this uid is, when that is not where the reference may point. */
  elsewhere?: string;
}

export interface Dependent {
  kind: Kind;
  object: Resource;
}

export interface Seen {
  kind: Kind;
  object: Resource;
  owners: Owner[];
  /** Objects with a reference to this one. */
  dependents: Dependent[];
}

const foregroundFinalizer = 'foregroundDeletion';
const orphanFinalizer = 'orphan';

export function decide(seen: Seen): Action[] {
  const { object } = seen;
  const { deletionTimestamp, finalizers = [] } = object.metadata;
  if (deletionTimestamp === undefined) return [...warnings(seen), ...followOwners(seen)];
  if (finalizers.includes(orphanFinalizer)) return orphan(seen);
  if (finalizers.includes(foregroundFinalizer)) return waitForDependents(seen);
  return [];
}

/** Whether the object goes only after the dependents that block it. */
export function isWaiting({ metadata }: Resource): boolean {
  return metadata.deletionTimestamp !== undefined && (metadata.finalizers ?? []).includes(foregroundFinalizer);
}

/** Lets all dependents live without this owner, then lets it go. */
function orphan({ kind, object, dependents }: Seen): Action[] {
  if (dependents.length === 0) return [dropFinalizer(kind, object, orphanFinalizer)];
  return dependents.map((dependent) =>
    setOwners(
      dependent.kind,
      dependent.object,
      ownersOf(dependent.object).filter(({ uid }) => uid !== object.metadata.uid),
    ),
  );
}

/** Lets it go once no dependent blocks it. The dependents themselves see that this owner waits, and go. */
function waitForDependents({ kind, object, dependents }: Seen): Action[] {
  const blocking = dependents.some((dependent) =>
    ownersOf(dependent.object).some(
      ({ uid, blockOwnerDeletion }) => uid === object.metadata.uid && blockOwnerDeletion === true,
    ),
  );
  return blocking ? [] : [dropFinalizer(kind, object, foregroundFinalizer)];
}

function followOwners({ kind, object, owners, dependents }: Seen): Action[] {
  if (owners.length === 0) return [];
  const staying = owners.filter(({ state }) => state === 'solid' || state === 'unknown');
  if (staying.length === owners.length) return [];
  if (staying.length > 0) {
    return [
      setOwners(
        kind,
        object,
        staying.map(({ reference }) => reference),
      ),
    ];
  }
  const waited = owners.some(({ state }) => state === 'waiting');
  if (waited && dependents.length > 0)
    return [...unblock(kind, object, dependents), remove(kind, object, 'Foreground')];
  const { finalizers = [] } = object.metadata;
  if (finalizers.includes(orphanFinalizer)) return [remove(kind, object, 'Orphan')];
  return [remove(kind, object, finalizers.includes(foregroundFinalizer) ? 'Foreground' : 'Background')];
}

/** Owners in a circle would wait for each other: the one that goes now no longer blocks. */
function unblock(kind: Kind, object: Resource, dependents: readonly Dependent[]): Action[] {
  const references = ownersOf(object);
  const circle = dependents.some((dependent) => isWaiting(dependent.object));
  if (!circle || !references.some(({ blockOwnerDeletion }) => blockOwnerDeletion)) return [];
  const free = references.map((reference) => ({ ...reference, blockOwnerDeletion: false }));
  return [setOwners(kind, object, free)];
}

function warnings({ object, owners }: Seen): Action[] {
  const { namespace = '' } = object.metadata;
  return owners
    .filter(({ elsewhere }) => elsewhere !== undefined)
    .map(({ reference: { apiVersion, kind, name, uid } }) => ({
      do: 'event',
      regarding: object,
      type: 'Warning',
      reason: 'OwnerRefInvalidNamespace',
      message: `ownerRef [${apiVersion}/${kind}, namespace: ${namespace}, name: ${name}, uid: ${uid}] does not exist in namespace ${JSON.stringify(namespace)}`,
    }));
}

function ownersOf({ metadata }: Resource): OwnerReference[] {
  return metadata.ownerReferences ?? [];
}

function remove(kind: Kind, { metadata }: Resource, propagationPolicy: 'Background' | 'Foreground' | 'Orphan'): Action {
  const { namespace = '', name, uid } = metadata;
  return { do: 'delete', kind, target: { namespace, name }, uid, propagationPolicy };
}

function dropFinalizer(kind: Kind, { metadata }: Resource, finalizer: string): Action {
  const { namespace = '', name, uid, resourceVersion } = metadata;
  const finalizers = (metadata.finalizers ?? []).filter((each) => each !== finalizer);
  const patch = { metadata: { uid, resourceVersion, finalizers: finalizers.length > 0 ? finalizers : null } };
  return { do: 'patch', kind, target: { namespace, name }, uid, patch };
}
