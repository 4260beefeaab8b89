import { defineKind } from './define-kind.ts';
import type { HorizontalPodAutoscaler } from './gen/autoscaling-v1.ts';

export const horizontalPodAutoscalerV1 = defineKind<HorizontalPodAutoscaler>({
  group: 'autoscaling',
  version: 'v1',
  kind: 'HorizontalPodAutoscaler',
  plural: 'horizontalpodautoscalers',
  short: ['hpa'],
  categories: ['all'],
  namespaced: true,
  schema: 'io.k8s.api.autoscaling.v1.HorizontalPodAutoscaler',
  status: true,
});
