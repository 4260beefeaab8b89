import { defineKind } from './define-kind.ts';
import type { Endpoints } from './gen/core-v1.ts';

export const endpoints = defineKind<Endpoints>({
  group: '',
  version: 'v1',
  kind: 'Endpoints',
  plural: 'endpoints',
  short: ['ep'],
  namespaced: true,
  schema: 'io.k8s.api.core.v1.Endpoints',
});
