import { invalid, required, type FieldError } from '#lib/meta/errors.ts';
import { oneOf } from './checks/values.ts';
import { ageColumn, integer, nameColumn, none, text, unknown, unset } from './columns.ts';
import { defineKind } from './define-kind.ts';
import type {
  HorizontalPodAutoscaler,
  HorizontalPodAutoscalerSpec,
  HPAScalingRules,
  MetricSpec,
  MetricStatus,
  MetricTarget,
  MetricValueStatus,
} from './gen/autoscaling-v2.ts';

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
  check: ({ spec }) => checkSpec(spec),
  columns: [
    nameColumn,
    text('Reference', ({ spec: { scaleTargetRef } }) => `${scaleTargetRef.kind}/${scaleTargetRef.name}`),
    text('Targets', ({ spec, status }) => formatMetrics(spec.metrics ?? [], status?.currentMetrics ?? [])),
    text('MinPods', ({ spec }) => (spec.minReplicas === undefined ? unset : String(spec.minReplicas))),
    integer('MaxPods', ({ spec }) => spec.maxReplicas),
    integer('Replicas', ({ status }) => status?.currentReplicas ?? 0),
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

function checkSpec(spec: HorizontalPodAutoscalerSpec): FieldError[] {
  const { minReplicas, maxReplicas, scaleTargetRef, metrics = [] } = spec;
  const faults: FieldError[] = [];
  if (minReplicas !== undefined && minReplicas < 1) {
    faults.push(invalid('spec.minReplicas', minReplicas, 'must be greater than or equal to 1'));
  }
  if (maxReplicas < 1) faults.push(invalid('spec.maxReplicas', maxReplicas, 'must be greater than 0'));
  if (minReplicas !== undefined && maxReplicas < minReplicas) {
    faults.push(invalid('spec.maxReplicas', maxReplicas, 'must be greater than or equal to `minReplicas`'));
  }
  for (const name of ['kind', 'name'] as const) {
    if (!scaleTargetRef[name]) faults.push(required(`spec.scaleTargetRef.${name}`));
  }
  for (const [i, metric] of metrics.entries()) faults.push(...checkMetric(`spec.metrics[${i}]`, metric));
  for (const direction of ['scaleUp', 'scaleDown'] as const) {
    const rules = spec.behavior?.[direction];
    if (rules) faults.push(...checkRules(`spec.behavior.${direction}`, rules));
  }
  return faults;
}

const sources = {
  ContainerResource: 'containerResource',
  External: 'external',
  Object: 'object',
  Pods: 'pods',
  Resource: 'resource',
} as const;

function checkMetric(path: string, metric: MetricSpec): FieldError[] {
  const faults = oneOf(`${path}.type`, metric.type, Object.keys(sources));
  if (faults.length > 0) return faults;
  const field = sources[metric.type as keyof typeof sources];
  const source = metric[field];
  if (!source) {
    return [required(`${path}.${field}`, 'must populate the given metric source')];
  }
  if ('name' in source && !source.name) faults.push(required(`${path}.${field}.name`, 'must specify a resource name'));
  return [...faults, ...checkTarget(`${path}.${field}.target`, source.target)];
}

function checkTarget(path: string, target: MetricTarget): FieldError[] {
  const faults = oneOf(`${path}.type`, target.type, ['Utilization', 'Value', 'AverageValue']);
  const { averageUtilization } = target;
  if (averageUtilization !== undefined && averageUtilization < 1) {
    faults.push(invalid(`${path}.averageUtilization`, averageUtilization, 'must be greater than 0'));
  }
  return faults;
}

function checkRules(path: string, rules: HPAScalingRules): FieldError[] {
  const faults: FieldError[] = [];
  const seconds = rules.stabilizationWindowSeconds;
  if (seconds !== undefined && (seconds < 0 || seconds > 3600)) {
    const detail = seconds < 0 ? 'must be greater than or equal to zero' : 'must be less than or equal to 3600';
    faults.push(invalid(`${path}.stabilizationWindowSeconds`, seconds, detail));
  }
  faults.push(...oneOf(`${path}.selectPolicy`, rules.selectPolicy, ['Disabled', 'Max', 'Min']));
  if (!rules.policies?.length) faults.push(required(`${path}.policies`, 'must specify at least one Policy'));
  for (const [i, policy] of (rules.policies ?? []).entries()) {
    const at = `${path}.policies[${i}]`;
    faults.push(...oneOf(`${at}.type`, policy.type, ['Percent', 'Pods']));
    if (policy.value <= 0) faults.push(invalid(`${at}.value`, policy.value, 'must be greater than zero'));
    if (policy.periodSeconds <= 0)
      faults.push(invalid(`${at}.periodSeconds`, policy.periodSeconds, 'must be greater than zero'));
    else if (policy.periodSeconds > 1800) {
      faults.push(invalid(`${at}.periodSeconds`, policy.periodSeconds, 'must be less than or equal to 1800'));
    }
  }
  return faults;
}

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
