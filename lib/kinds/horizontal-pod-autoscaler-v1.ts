import type { Resource } from '#lib/meta/object.ts';
import { defineKind, type Column } from './define-kind.ts';
import type { HorizontalPodAutoscaler } from './gen/autoscaling-v1.ts';
import type { HorizontalPodAutoscaler as Stored, MetricSpec, MetricStatus } from './gen/autoscaling-v2.ts';
import { cpuMetric, defaultUtilization, horizontalPodAutoscaler as stored } from './horizontal-pod-autoscaler.ts';

/** Where this version keeps what it has no fields for, so that a write through it loses nothing. */
const annotations = {
  metrics: 'autoscaling.alpha.kubernetes.io/metrics',
  currentMetrics: 'autoscaling.alpha.kubernetes.io/current-metrics',
  conditions: 'autoscaling.alpha.kubernetes.io/conditions',
  behavior: 'autoscaling.alpha.kubernetes.io/behavior',
} as const;

/** Autoscalers as they were before they knew metrics other than cpu; stored as version 2 has them. */
export const horizontalPodAutoscalerV1 = defineKind<HorizontalPodAutoscaler>({
  group: 'autoscaling',
  version: 'v1',
  kind: 'HorizontalPodAutoscaler',
  description: 'Sets the number of replicas of a workload by what is measured of its pods.',
  plural: 'horizontalpodautoscalers',
  short: ['hpa'],
  categories: ['all'],
  namespaced: true,
  schema: 'io.k8s.api.autoscaling.v1.HorizontalPodAutoscaler',
  status: true,
  conversion: { stored, fromStored: (object) => fromStored(object as Stored), toStored },
  defaults: ({ spec }) => {
    spec.minReplicas ??= 1;
  },
  // What is wrong is told in the words of the stored version, as upstream does.
  check: (object, before) => stored.check?.(toStored(object), before && toStored(before)) ?? [],
  checkStatus: (object, before) => stored.checkStatus?.(toStored(object), toStored(before)) ?? [],
  columns: (stored.columns ?? []).map((column): Column<HorizontalPodAutoscaler> => ({
    ...column,
    value: (object, context) => column.value(toStored(object), context),
  })),
});

function isCpu(metric: MetricSpec | MetricStatus): boolean {
  return metric.type === 'Resource' && metric.resource?.name === 'cpu';
}

function fromStored({ metadata, spec, status, ...same }: Stored): HorizontalPodAutoscaler {
  const { metrics = [], behavior, ...plainSpec } = spec;
  const { currentMetrics, conditions, ...plainStatus } = status ?? { desiredReplicas: 0 };
  const cpu = metrics.find((metric) => isCpu(metric) && metric.resource?.target.averageUtilization !== undefined);
  const others = metrics.filter((metric) => metric !== cpu);
  const kept = Object.entries({ metrics: others, currentMetrics, conditions, behavior })
    .filter(([, value]) => value !== undefined && (!Array.isArray(value) || value.length > 0))
    .map(([name, value]) => [annotations[name as keyof typeof annotations], JSON.stringify(value)]);
  return {
    ...same,
    apiVersion: 'autoscaling/v1',
    metadata:
      kept.length > 0
        ? { ...metadata, annotations: { ...metadata.annotations, ...Object.fromEntries(kept) } }
        : metadata,
    spec: { ...plainSpec, targetCPUUtilizationPercentage: cpu?.resource?.target.averageUtilization },
    status: status && {
      ...plainStatus,
      currentReplicas: status.currentReplicas ?? 0,
      currentCPUUtilizationPercentage: currentMetrics?.find(isCpu)?.resource?.current.averageUtilization,
    },
  };
}

function toStored({ metadata, spec, status, ...same }: HorizontalPodAutoscaler): Stored {
  const { targetCPUUtilizationPercentage: target, ...plainSpec } = spec;
  const { currentCPUUtilizationPercentage: _, ...plainStatus } = status ?? { desiredReplicas: 0, currentReplicas: 0 };
  const kept = (name: keyof typeof annotations) => parseKept(metadata.annotations?.[annotations[name]]);
  const metrics = [...(target === undefined ? [] : [cpuMetric(target)]), ...((kept('metrics') as MetricSpec[]) ?? [])];
  const own = new Set<string>(Object.values(annotations));
  const rest = Object.entries(metadata.annotations ?? {}).filter(([key]) => !own.has(key));
  const object: Stored = {
    ...(same as Resource),
    apiVersion: 'autoscaling/v2',
    metadata: { ...metadata, annotations: rest.length > 0 ? Object.fromEntries(rest) : undefined },
    spec: { ...plainSpec, metrics: metrics.length > 0 ? metrics : [cpuMetric(defaultUtilization)] },
  };
  const behavior = kept('behavior') as Stored['spec']['behavior'];
  if (behavior) object.spec.behavior = behavior;
  if (status) {
    const details = { currentMetrics: kept('currentMetrics'), conditions: kept('conditions') };
    object.status = { ...plainStatus, ...(details as object) };
  }
  return object;
}

/** What an annotation keeps; one that a user wrote and that is not JSON keeps nothing. */
function parseKept(text: string | undefined): unknown {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
