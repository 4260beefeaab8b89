import { defineKind } from './define-kind.ts';
import type { Binding } from './gen/core-v1.ts';

export const binding = defineKind<Binding>({
  group: '',
  version: 'v1',
  kind: 'Binding',
  plural: 'bindings',
  namespaced: true,
  schema: 'io.k8s.api.core.v1.Binding',
  verbs: ['create'],
});
