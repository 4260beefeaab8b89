import { defineKind } from './define-kind.ts';
import type { SelfSubjectAccessReview } from './gen/authorization-v1.ts';

export const selfSubjectAccessReview = defineKind<SelfSubjectAccessReview>({
  group: 'authorization.k8s.io',
  version: 'v1',
  kind: 'SelfSubjectAccessReview',
  description: 'Asks whether you may do something.',
  plural: 'selfsubjectaccessreviews',
  namespaced: false,
  schema: 'io.k8s.api.authorization.v1.SelfSubjectAccessReview',
  verbs: ['create'],
});
