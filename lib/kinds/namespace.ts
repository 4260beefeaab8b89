import { defineKind } from './define-kind.ts';
import type { Namespace } from './gen/core-v1.ts';

export const namespace = defineKind<Namespace>({
  group: '',
  version: 'v1',
  kind: 'Namespace',
  plural: 'namespaces',
  short: ['ns'],
  namespaced: false,
  schema: 'io.k8s.api.core.v1.Namespace',
  status: true,
  subresources: { finalize: { verbs: ['update'], kind: 'Namespace' } },
});
