import { defineKind } from './define-kind.ts';
import type { Binding } from './gen/core-v1.ts';

export const binding = defineKind<Binding>({
  group: '',
  version: 'v1',
  kind: 'Binding',
  description: "Ties a pod to a node; written through the pod's binding subresource.",
  plural: 'bindings',
  namespaced: true,
  schema: 'io.k8s.api.core.v1.Binding',
  verbs: ['create'],
});
