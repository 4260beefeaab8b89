import { defineKind } from './define-kind.ts';
import type { ConfigMap } from './gen/core-v1.ts';

export const configMap = defineKind<ConfigMap>({
  group: '',
  version: 'v1',
  kind: 'ConfigMap',
  plural: 'configmaps',
  short: ['cm'],
  namespaced: true,
  schema: 'io.k8s.api.core.v1.ConfigMap',
});
