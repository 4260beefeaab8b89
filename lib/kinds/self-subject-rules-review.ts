import { defineKind } from './define-kind.ts';
import type { SelfSubjectRulesReview } from './gen/authorization-v1.ts';

export const selfSubjectRulesReview = defineKind<SelfSubjectRulesReview>({
  group: 'authorization.k8s.io',
  version: 'v1',
  kind: 'SelfSubjectRulesReview',
  description: 'Asks what you may do in one namespace.',
  plural: 'selfsubjectrulesreviews',
  namespaced: false,
  schema: 'io.k8s.api.authorization.v1.SelfSubjectRulesReview',
  verbs: ['create'],
});
