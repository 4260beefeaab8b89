/** How the controllers find objects in the shared view. */
import type { Indexes, View } from '#lib/client/types.ts';
import type { Kind } from '#lib/kinds/define-kind.ts';
import type { ReplicaSet } from '#lib/kinds/gen/apps-v1.ts';
import type { Pod, Secret } from '#lib/kinds/gen/core-v1.ts';
import type { EndpointSlice } from '#lib/kinds/gen/discovery-v1.ts';
import { endpointSlice } from '#lib/kinds/endpoint-slice.ts';
import { pod } from '#lib/kinds/pod.ts';
import { replicaSet } from '#lib/kinds/replica-set.ts';
import { secret } from '#lib/kinds/secret.ts';
import { keyOf } from '#lib/meta/object.ts';
import type { Resource } from '#lib/meta/object.ts';
import { controllerOf } from '#lib/meta/owners.ts';
import { claimsOf } from './claims-of.ts';
import { accountNameOf } from './token-secrets/decide.ts';

export const indexes: Indexes = {
  /** Of every kind: uids of owners. */
  dependents: { values: ({ metadata }: Resource) => (metadata.ownerReferences ?? []).map(({ uid }) => uid) },
  podsByController: { kind: pod, values: (object: Pod) => [controllerValue(object)] },
  podsByNode: { kind: pod, values: ({ spec }: Pod) => [spec.nodeName ?? ''] },
  /** `namespace/name` of a claim. */
  podsByClaim: { kind: pod, values: claimsOf },
  /** `namespace/name` of the Service. */
  slicesByService: {
    kind: endpointSlice,
    values: ({ metadata }: EndpointSlice) => {
      const name = metadata.labels?.['kubernetes.io/service-name'];
      return name ? [keyOf({ namespace: metadata.namespace, name })] : [];
    },
  },
  /** `namespace/name` of the account. */
  tokenSecretsByAccount: {
    kind: secret,
    values: (object: Secret) => {
      const name = accountNameOf(object);
      return name === undefined ? [] : [keyOf({ namespace: object.metadata.namespace, name })];
    },
  },
  setsByController: { kind: replicaSet, values: (object: ReplicaSet) => [controllerValue(object)] },
};

/** The uid of an object's controller, or a value shared by all of its namespace that have none. */
function controllerValue(object: Resource): string {
  return controllerOf(object)?.uid ?? orphansOf(object.metadata.namespace);
}

function orphansOf(namespace = ''): string {
  return `orphans/${namespace}`;
}

/** Objects that `owner` controls, and those of its namespace without a controller. */
export function ownedOrOrphaned<T extends Resource>(view: View, kind: Kind<T>, index: string, owner: Resource): T[] {
  return [
    ...view.indexed(kind, index, owner.metadata.uid),
    ...view.indexed(kind, index, orphansOf(owner.metadata.namespace)),
  ];
}
