import { defineKind } from './define-kind.ts';
import type { LimitRange } from './gen/core-v1.ts';

export const limitRange = defineKind<LimitRange>({
  group: '',
  version: 'v1',
  kind: 'LimitRange',
  plural: 'limitranges',
  short: ['limits'],
  namespaced: true,
  schema: 'io.k8s.api.core.v1.LimitRange',
});
