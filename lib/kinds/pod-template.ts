import { defineKind } from './define-kind.ts';
import type { PodTemplate } from './gen/core-v1.ts';

export const podTemplate = defineKind<PodTemplate>({
  group: '',
  version: 'v1',
  kind: 'PodTemplate',
  plural: 'podtemplates',
  namespaced: true,
  schema: 'io.k8s.api.core.v1.PodTemplate',
  generation: true,
});
