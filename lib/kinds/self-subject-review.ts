import { defineKind } from './define-kind.ts';
import type { SelfSubjectReview } from './gen/authentication-v1.ts';

export const selfSubjectReview = defineKind<SelfSubjectReview>({
  group: 'authentication.k8s.io',
  version: 'v1',
  kind: 'SelfSubjectReview',
  description: 'Asks who the server takes you for.',
  plural: 'selfsubjectreviews',
  namespaced: false,
  schema: 'io.k8s.api.authentication.v1.SelfSubjectReview',
  verbs: ['create'],
});
