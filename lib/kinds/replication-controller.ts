import { defineKind } from './define-kind.ts';
import { formatSelector, fromMap } from '#lib/meta/selectors.ts';
import type { ReplicationController } from './gen/core-v1.ts';

export const replicationController = defineKind<ReplicationController>({
  group: '',
  version: 'v1',
  kind: 'ReplicationController',
  plural: 'replicationcontrollers',
  short: ['rc'],
  categories: ['all'],
  namespaced: true,
  schema: 'io.k8s.api.core.v1.ReplicationController',
  status: true,
  generation: true,
  scale: {
    replicas: (object) => object.spec.replicas ?? 0,
    setReplicas: (object, replicas) => {
      object.spec.replicas = replicas;
    },
    status: (object) => object.status?.replicas ?? 0,
    selector: (object) => formatSelector(fromMap(object.spec.selector) ?? []),
  },
});
