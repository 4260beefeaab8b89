import { defineKind } from './define-kind.ts';
import type { Ingress } from './gen/networking-v1.ts';

export const ingress = defineKind<Ingress>({
  group: 'networking.k8s.io',
  version: 'v1',
  kind: 'Ingress',
  plural: 'ingresses',
  short: ['ing'],
  namespaced: true,
  schema: 'io.k8s.api.networking.v1.Ingress',
  status: true,
  generation: true,
});
