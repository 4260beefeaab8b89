import { defineKind } from './define-kind.ts';
import type { LocalSubjectAccessReview } from './gen/authorization-v1.ts';

export const localSubjectAccessReview = defineKind<LocalSubjectAccessReview>({
  group: 'authorization.k8s.io',
  version: 'v1',
  kind: 'LocalSubjectAccessReview',
  description: 'Asks whether somebody may do something in one namespace.',
  plural: 'localsubjectaccessreviews',
  namespaced: true,
  schema: 'io.k8s.api.authorization.v1.LocalSubjectAccessReview',
  verbs: ['create'],
});
