import { defineKind } from './define-kind.ts';
import type { SubjectAccessReview } from './gen/authorization-v1.ts';

export const subjectAccessReview = defineKind<SubjectAccessReview>({
  group: 'authorization.k8s.io',
  version: 'v1',
  kind: 'SubjectAccessReview',
  description: 'Asks whether somebody may do something.',
  plural: 'subjectaccessreviews',
  namespaced: false,
  schema: 'io.k8s.api.authorization.v1.SubjectAccessReview',
  verbs: ['create'],
});
