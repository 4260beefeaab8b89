/** Carries changes of the API's objects over into the scheduler's picture, and tells what they may have helped. */
import type { View, ViewChange } from '#lib/client/types.ts';
import type { Kind } from '#lib/kinds/define-kind.ts';
import { namespace } from '#lib/kinds/namespace.ts';
import { node } from '#lib/kinds/node.ts';
import { persistentVolumeClaim } from '#lib/kinds/persistent-volume-claim.ts';
import { persistentVolume } from '#lib/kinds/persistent-volume.ts';
import { podDisruptionBudget } from '#lib/kinds/pod-disruption-budget.ts';
import { pod } from '#lib/kinds/pod.ts';
import { replicaSet } from '#lib/kinds/replica-set.ts';
import { replicationController } from '#lib/kinds/replication-controller.ts';
import { service } from '#lib/kinds/service.ts';
import { statefulSet } from '#lib/kinds/stateful-set.ts';
import { storageClass } from '#lib/kinds/storage-class.ts';
import { keyOf } from '#lib/meta/object.ts';
import type { Resource } from '#lib/meta/object.ts';
import type { Cluster } from './cluster/cluster.ts';

/** What may make room for parked pods. */
export interface Help {
  /** Nodes that have more to offer than before. */
  nodes: Set<string>;
  /** Something that filters look at beyond single nodes. */
  wide: boolean;
}

/** The kinds the scheduler looks at. Pods that have ended take no part. */
export const followed: readonly { kind: Kind; fieldSelector?: string }[] = [
  { kind: node },
  { kind: pod, fieldSelector: 'status.phase!=Succeeded,status.phase!=Failed' },
  { kind: namespace },
  { kind: service },
  { kind: replicaSet },
  { kind: replicationController },
  { kind: statefulSet },
  { kind: persistentVolumeClaim },
  { kind: persistentVolume },
  { kind: storageClass },
  { kind: podDisruptionBudget },
];

/** The state of a view as changes that lead to it. */
export function asChanges(view: View): ViewChange[] {
  return followed.flatMap(({ kind }) => view.list(kind).map((object) => ({ kind, object, before: undefined })));
}

/** Applies a change of anything but a pod. */
export function applyChange(cluster: Cluster, { kind, object, before }: ViewChange, help: Help): void {
  const apply = appliers.get(kind);
  if (apply && (object ?? before)) apply(cluster, object, (object ?? before)!, help);
}

type Apply<T extends Resource> = (cluster: Cluster, object: T | undefined, known: T, help: Help) => void;

const appliers = new Map<Kind, Apply<Resource>>();

function on<T extends Resource>(kind: Kind<T>, apply: Apply<T>): void {
  appliers.set(kind, apply as Apply<Resource>);
}

on(node, (cluster, object, { metadata }, help) => {
  if (!object) cluster.removeNode(metadata.name);
  else if (cluster.setNode(object)) help.nodes.add(metadata.name);
  else return;
  help.wide = true;
});

on(namespace, (cluster, object, { metadata }, help) => {
  if (!object) cluster.removeNamespace(metadata.name);
  else if (cluster.setNamespace(object)) help.wide = true;
});

on(service, (cluster, object, { metadata }) => {
  if (object) cluster.selectorOwners.setService(metadata.namespace!, metadata.name, object.spec.selector);
  else cluster.selectorOwners.removeService(metadata.namespace!, metadata.name);
});

for (const kind of [replicaSet, statefulSet]) {
  on<Resource & { spec: { selector?: object | undefined } }>(kind, (cluster, object, { metadata }) => {
    if (object) cluster.selectorOwners.setOwner(object.metadata.uid, object.spec.selector);
    else cluster.selectorOwners.removeOwner(metadata.uid);
  });
}

on(replicationController, (cluster, object, { metadata }) => {
  if (object) cluster.selectorOwners.setOwner(metadata.uid, { matchLabels: object.spec.selector });
  else cluster.selectorOwners.removeOwner(metadata.uid);
});

on(persistentVolumeClaim, (cluster, object, { metadata }, help) => {
  put(cluster.volumes.claims, keyOf(metadata), object);
  help.wide = true;
});

on(persistentVolume, (cluster, object, { metadata }, help) => {
  put(cluster.volumes.volumes, metadata.name, object);
  help.wide = true;
});

on(storageClass, (cluster, object, { metadata }, help) => {
  put(cluster.volumes.classes, metadata.name, object);
  help.wide = true;
});

function put<V>(map: Map<string, V>, key: string, value: V | undefined): void {
  if (value === undefined) map.delete(key);
  else map.set(key, value);
}
