/** Wires decide() to the objects of all kinds, by uid. */
import type { Client, View, ViewChange } from '#lib/client/types.ts';
import { makeRecent } from '#lib/control/recent.ts';
import type { Recent } from '#lib/control/recent.ts';
import { watchAll } from '#lib/control/reconcile.ts';
import type { Controller, World } from '#lib/control/reconcile.ts';
import type { Kind } from '#lib/kinds/define-kind.ts';
import type { Catalog } from '#lib/kinds/catalog.ts';
import { equal } from '#lib/meta/equal.ts';
import { isReason } from '#lib/meta/errors.ts';
import type { OwnerReference, Resource } from '#lib/meta/object.ts';
import { decide, isWaiting } from './decide.ts';
import type { Dependent, Owner, OwnerState, Seen } from './decide.ts';

/** Uids known to be gone; an uid never comes back. */
const rememberedAbsent = 500;

/** Makes the collector over all kinds of the view; `known` are these in each of their versions. */
export function makeGarbageController(known: Pick<Catalog, 'of'>): Controller<Seen> {
  const absent = makeRecent<true>(rememberedAbsent);
  return {
    name: 'garbage-collector-controller',
    workers: 20,
    watches: [watchAll(concerned, relationsChanged)],
    async see(uid, world) {
      const object = world.view.byUid(uid);
      const kind = object && known.of(object.apiVersion, object.kind);
      if (!kind) return undefined;
      const references = object.metadata.ownerReferences ?? [];
      const owners = await Promise.all(
        references.map((reference) => resolve(reference, known, kind, object, absent, world)),
      );
      return { kind, object, owners, dependents: dependentsOf(uid, world.view) };
    },
    decide,
  };
}

function relationsChanged({ before, object }: ViewChange): boolean {
  return !before || !object || !equal(relations(before), relations(object));
}

function relations({ metadata }: Resource): unknown {
  return [metadata.ownerReferences, metadata.finalizers, metadata.deletionTimestamp !== undefined];
}

/** Uids of the objects whose fate may have changed with this one's. */
function concerned(object: Resource, view: View): string[] {
  const { uid, ownerReferences = [], deletionTimestamp, finalizers } = object.metadata;
  const keys: string[] = [];
  if (ownerReferences.length > 0 || (deletionTimestamp !== undefined && finalizers)) keys.push(uid);
  // Owners that wait for, or orphan, their dependents.
  for (const reference of ownerReferences) {
    if (view.byUid(reference.uid)?.metadata.deletionTimestamp !== undefined) keys.push(reference.uid);
  }
  if (view.byUid(uid) === undefined || isWaiting(object)) {
    keys.push(...dependentsOf(uid, view).map((dependent) => dependent.object.metadata.uid));
  }
  return keys;
}

function dependentsOf(uid: string, view: View): Dependent[] {
  return view.kinds.flatMap((kind) => view.indexed(kind, 'dependents', uid).map((object) => ({ kind, object })));
}

async function resolve(
  reference: OwnerReference,
  known: Pick<Catalog, 'of'>,
  kind: Kind,
  object: Resource,
  absent: Recent<true>,
  world: World,
): Promise<Owner> {
  const ownerKind = known.of(reference.apiVersion, reference.kind);
  const { namespace = '' } = object.metadata;
  // A namespaced owner of a cluster-scoped object cannot even be looked for.
  if (!ownerKind || (ownerKind.namespaced && !kind.namespaced)) return { reference, state: 'unknown' };
  const viewed = world.view.byUid(reference.uid);
  const place = viewed?.metadata.namespace ?? '';
  if (viewed && (place === '' || place === namespace)) return { reference, state: stateOf(viewed) };
  const moved = viewed && { elsewhere: place };
  if (!viewed && absent.get(reference.uid)) return { reference, state: 'absent' };
  const state = await ask(reference, ownerKind, ownerKind.namespaced ? namespace : '', world.client);
  if (state === 'absent' && !viewed) absent.set(reference.uid, true);
  return { reference, state, ...moved };
}

/** Only the API server can say that an owner is gone: the view may lack it for other reasons. */
async function ask({ name, uid }: OwnerReference, kind: Kind, namespace: string, client: Client): Promise<OwnerState> {
  try {
    const found = await client.get(kind, { namespace, name });
    return found.metadata.uid === uid ? stateOf(found) : 'absent';
  } catch (error) {
    if (isReason(error, 'NotFound')) return 'absent';
    throw error;
  }
}

function stateOf(owner: Resource): OwnerState {
  return isWaiting(owner) ? 'waiting' : 'solid';
}
