import { defineKind } from './define-kind.ts';
import type { ComponentStatus } from './gen/core-v1.ts';

export const componentStatus = defineKind<ComponentStatus>({
  group: '',
  version: 'v1',
  kind: 'ComponentStatus',
  plural: 'componentstatuses',
  short: ['cs'],
  namespaced: false,
  schema: 'io.k8s.api.core.v1.ComponentStatus',
  verbs: ['get', 'list'],
});
