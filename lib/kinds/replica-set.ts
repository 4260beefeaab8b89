import { defineKind } from './define-kind.ts';
import { formatSelector, fromLabelSelector } from '#lib/meta/selectors.ts';
import type { ReplicaSet } from './gen/apps-v1.ts';

export const replicaSet = defineKind<ReplicaSet>({
  group: 'apps',
  version: 'v1',
  kind: 'ReplicaSet',
  plural: 'replicasets',
  short: ['rs'],
  categories: ['all'],
  namespaced: true,
  schema: 'io.k8s.api.apps.v1.ReplicaSet',
  status: true,
  generation: true,
  scale: {
    replicas: (object) => object.spec.replicas ?? 0,
    setReplicas: (object, replicas) => {
      object.spec.replicas = replicas;
    },
    status: (object) => object.status?.replicas ?? 0,
    selector: (object) => formatSelector(fromLabelSelector(object.spec.selector) ?? []),
  },
});
