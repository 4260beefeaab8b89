import { ageColumn, nameColumn, none, text, unknown, unset } from './columns.ts';
import { defineKind } from './define-kind.ts';
import type {
  HorizontalPodAutoscaler,
  HPAScalingRules,
  MetricSpec,
  MetricStatus,
  MetricTarget,
  MetricValueStatus,
} from './gen/autoscaling-v2.ts';
import { checkAutoscaler, checkAutoscalerStatus } from './horizontal-pod-autoscaler-check.ts';

/** Utilization in percent that is aimed at when no metric is given. */
export const defaultUtilization = 80;
const shownInTable = 2;

export const horizontalPodAutoscaler = defineKind<HorizontalPodAutoscaler>({
  group: 'autoscaling',
  version: 'v2',
  kind: 'HorizontalPodAutoscaler',
  description: 'Sets the number of replicas of a workload by what is measured of its pods.',
  plural: 'horizontalpodautoscalers',
  short: ['hpa'],
  categories: ['all'],
  namespaced: true,
  schema: 'io.k8s.api.autoscaling.v2.HorizontalPodAutoscaler',
  status: true,
  defaults: ({ spec }) => {
    spec.minReplicas ??= 1;
    if (!spec.metrics?.length) spec.metrics = [cpuMetric(defaultUtilization)];
    if (!spec.behavior) return;
    setRuleDefaults((spec.behavior.scaleUp ??= {}), {
      stabilizationWindowSeconds: 0,
      policies: [
        { type: 'Pods', value: 4, periodSeconds: 15 },
        { type: 'Percent', value: 100, periodSeconds: 15 },
      ],
    });
    setRuleDefaults((spec.behavior.scaleDown ??= {}), {
      policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }],
    });
  },
  check: ({ spec }, before) => checkAutoscaler(spec, before?.spec),
  checkStatus: ({ status }) => checkAutoscalerStatus(status),
  columns: [
    nameColumn,
    text('Reference', ({ spec: { scaleTargetRef } }) => `${scaleTargetRef.kind}/${scaleTargetRef.name}`),
    text('Targets', ({ spec, status }) => formatMetrics(spec.metrics ?? [], status?.currentMetrics ?? [])),
    text('MinPods', ({ spec }) => (spec.minReplicas === undefined ? unset : String(spec.minReplicas))),
    text('MaxPods', ({ spec }) => spec.maxReplicas),
    text('Replicas', ({ status }) => status?.currentReplicas ?? 0),
    ageColumn,
  ],
});

/** A metric that aims at a share of the requested cpu. */
export function cpuMetric(averageUtilization: number): MetricSpec {
  return { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization } } };
}

function setRuleDefaults(rules: HPAScalingRules, defaults: HPAScalingRules): void {
  rules.selectPolicy ??= 'Max';
  rules.policies ??= defaults.policies;
  if (defaults.stabilizationWindowSeconds !== undefined) {
    rules.stabilizationWindowSeconds ??= defaults.stabilizationWindowSeconds;
  }
}

const sources = {
  ContainerResource: 'containerResource',
  External: 'external',
  Object: 'object',
  Pods: 'pods',
  Resource: 'resource',
} as const;

function formatMetrics(specs: readonly MetricSpec[], statuses: readonly MetricStatus[]): string {
  if (specs.length === 0) return none;
  const all = specs.map((spec, i) => formatMetric(spec, statuses[i]));
  const more = all.length - shownInTable;
  return more > 0 ? `${all.slice(0, shownInTable).join(', ')} + ${more} more...` : all.join(', ');
}

function formatMetric(spec: MetricSpec, status: MetricStatus | undefined): string {
  const field = sources[spec.type as keyof typeof sources];
  const source = field && spec[field];
  if (!source) return unknown;
  const current = field && status?.[field]?.current;
  const name = 'name' in source ? `${source.name}: ` : '';
  const average =
    source.target.averageValue !== undefined && (field === 'external' || field === 'object') ? ' (avg)' : '';
  return `${name}${formatCurrent(source.target, current)}/${formatTarget(source.target)}${average}`;
}

function formatTarget({ averageUtilization, averageValue, value }: MetricTarget): string {
  if (averageValue !== undefined) return String(averageValue);
  if (averageUtilization !== undefined) return `${averageUtilization}%`;
  return String(value ?? unknown);
}

function formatCurrent(target: MetricTarget, current: MetricValueStatus | undefined): string {
  if (!current) return unknown;
  if (target.averageValue !== undefined) return String(current.averageValue ?? unknown);
  if (target.averageUtilization !== undefined) {
    return current.averageUtilization === undefined ? unknown : `${current.averageUtilization}%`;
  }
  return String(current.value ?? unknown);
}
