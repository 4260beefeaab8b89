import { defineKind } from './define-kind.ts';
import type { TokenReview } from './gen/authentication-v1.ts';

export const tokenReview = defineKind<TokenReview>({
  group: 'authentication.k8s.io',
  version: 'v1',
  kind: 'TokenReview',
  description: 'Asks who a token belongs to.',
  plural: 'tokenreviews',
  namespaced: false,
  schema: 'io.k8s.api.authentication.v1.TokenReview',
  verbs: ['create'],
});
