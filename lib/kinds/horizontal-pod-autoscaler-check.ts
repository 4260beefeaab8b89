/** Faults of autoscalers: bounds, metrics and how fast they follow them. */
import { fieldForbidden, invalid, notSupported, required, type FieldError } from '#lib/meta/errors.ts';
import { labelNameFaults, pathSegmentFaults } from '#lib/meta/names.ts';
import { parseQuantity } from '#lib/meta/quantities.ts';
import { goQuantity } from './checks/go-value.ts';
import { grammar, nonNegative, optionalOneOf } from './checks/values.ts';
import type {
  HorizontalPodAutoscaler,
  HorizontalPodAutoscalerSpec,
  HPAScalingPolicy,
  HPAScalingRules,
  MetricSpec,
  MetricTarget,
} from './gen/autoscaling-v2.ts';
import { checkResourceName } from './pod-spec/check-resources.ts';

type Faults = FieldError[];

export function checkAutoscaler(
  spec: HorizontalPodAutoscalerSpec,
  before: HorizontalPodAutoscalerSpec | undefined,
): Faults {
  const { minReplicas, maxReplicas, scaleTargetRef, metrics = [], behavior } = spec;
  const least = before?.minReplicas === 0 ? 0 : 1;
  const faults: Faults = [];
  if (minReplicas !== undefined && minReplicas < least) {
    faults.push(invalid('spec.minReplicas', minReplicas, `must be greater than or equal to ${least}`));
  }
  if (maxReplicas < 1) faults.push(invalid('spec.maxReplicas', maxReplicas, 'must be greater than 0'));
  if (minReplicas !== undefined && maxReplicas < minReplicas) {
    faults.push(invalid('spec.maxReplicas', maxReplicas, 'must be greater than or equal to `minReplicas`'));
  }
  faults.push(...checkReference('spec.scaleTargetRef', scaleTargetRef));
  for (const [i, metric] of metrics.entries()) faults.push(...checkMetric(`spec.metrics[${i}]`, metric));
  if (minReplicas === 0 && !metrics.some(({ type }) => type === 'Object' || type === 'External')) {
    const detail = 'must specify at least one Object or External metric to support scaling to zero replicas';
    faults.push(fieldForbidden('spec.metrics', detail));
  }
  return [
    ...faults,
    ...checkRules('spec.behavior.scaleUp', behavior?.scaleUp),
    ...checkRules('spec.behavior.scaleDown', behavior?.scaleDown),
  ];
}

export function checkAutoscalerStatus(status: HorizontalPodAutoscaler['status']): Faults {
  return (['currentReplicas', 'desiredReplicas'] as const).flatMap((name) =>
    nonNegative(`status.${name}`, status?.[name]),
  );
}

function checkReference(path: string, reference: { kind: string; name: string }): Faults {
  return (['kind', 'name'] as const).flatMap((name) =>
    reference[name] ? grammar(`${path}.${name}`, reference[name], pathSegmentFaults) : [required(`${path}.${name}`)],
  );
}

/** Sources by the types that name them, in the order in which upstream looks at them. */
const sources: Readonly<Record<string, Exclude<keyof MetricSpec, 'type'>>> = {
  Object: 'object',
  External: 'external',
  Pods: 'pods',
  Resource: 'resource',
  ContainerResource: 'containerResource',
};

function checkMetric(path: string, metric: MetricSpec): Faults {
  const { type } = metric;
  const at = `${path}.type`;
  const unknown = () => notSupported(at, type, Object.keys(sources).sort());
  const wanted = Object.hasOwn(sources, type) ? sources[type] : undefined;
  const faults = type ? [] : [required(at, 'must specify a metric source type')];
  if (!wanted) faults.push(unknown());
  const given = Object.values(sources).filter((name) => metric[name] !== undefined);
  if (given[0]) faults.push(...sourceChecks[given[0]](`${path}.${given[0]}`, metric));
  if (!wanted) faults.push(unknown());
  else if (!metric[wanted]) {
    faults.push(required(`${path}.${wanted}`, 'must populate information for the given metric source'));
  }
  if (given.length === 1) return faults;
  const others = given.filter((name) => name !== wanted);
  return [
    ...faults,
    ...others.map((name) => fieldForbidden(`${path}.${name}`, 'must populate the given metric source only')),
  ];
}

type SourceCheck = (path: string, metric: MetricSpec) => Faults;

const sourceChecks: Readonly<Record<Exclude<keyof MetricSpec, 'type'>, SourceCheck>> = {
  object: (path, { object }) => [
    ...checkReference(`${path}.describedObject`, object!.describedObject),
    ...checkIdentifier(`${path}.metric.name`, object!.metric.name),
    ...checkTarget(`${path}.target`, object!.target),
    ...oneValue(`${path}.target.averageValue`, object!.target, 'must set either a target value or averageValue'),
  ],
  external: (path, { external }) => [
    ...checkIdentifier(`${path}.metric.name`, external!.metric.name),
    ...checkTarget(`${path}.target`, external!.target),
    ...oneValue(
      `${path}.target.averageValue`,
      external!.target,
      'must set either a target value for metric or a per-pod target',
    ),
    ...(external!.target.value !== undefined && external!.target.averageValue !== undefined
      ? [fieldForbidden(`${path}.target.value`, 'may not set both a target value for metric and a per-pod target')]
      : []),
  ],
  pods: (path, { pods }) => [
    ...checkIdentifier(`${path}.metric.name`, pods!.metric.name),
    ...checkTarget(`${path}.target`, pods!.target),
    ...(pods!.target.averageValue === undefined
      ? [required(`${path}.target.averageValue`, 'must specify a positive target averageValue')]
      : []),
  ],
  resource: (path, { resource }) => [
    ...(resource!.name ? [] : [required(`${path}.name`, 'must specify a resource name')]),
    ...checkTarget(`${path}.target`, resource!.target),
    ...oneShare(`${path}.target`, resource!.target),
  ],
  containerResource: (path, { containerResource: source }) => [
    ...(source!.name
      ? checkResourceName(`${path}.name`, source!.name)
      : [required(`${path}.name`, 'must specify a resource name')]),
    ...(source!.container
      ? grammar(`${path}.container`, source!.container, labelNameFaults)
      : [required(`${path}.container`, 'must specify a container')]),
    ...checkTarget(`${path}.target`, source!.target),
    ...oneShare(`${path}.target`, source!.target),
  ],
};

function checkIdentifier(path: string, name: string): Faults {
  return name ? grammar(path, name, pathSegmentFaults) : [required(path, 'must specify a metric name')];
}

function oneValue(path: string, { value, averageValue }: MetricTarget, detail: string): Faults {
  return value === undefined && averageValue === undefined ? [required(path, detail)] : [];
}

/** Of what pods ask for, or as much as that. */
function oneShare(path: string, { averageUtilization: share, averageValue: value }: MetricTarget): Faults {
  const what = 'a target raw value';
  if (share === undefined && value === undefined) {
    return [required(`${path}.averageUtilization`, `must set either ${what} or a target utilization`)];
  }
  return share !== undefined && value !== undefined
    ? [fieldForbidden(`${path}.averageValue`, `may not set both ${what} and a target utilization`)]
    : [];
}

function checkTarget(path: string, { type, value, averageValue, averageUtilization: share }: MetricTarget): Faults {
  const faults = type ? [] : [required(`${path}.type`, 'must specify a metric target type')];
  if (!['Utilization', 'Value', 'AverageValue'].includes(type)) {
    faults.push(invalid(`${path}.type`, type, 'must be either Utilization, Value, or AverageValue'));
  }
  for (const [name, amount] of Object.entries({ value, averageValue })) {
    if (amount === undefined || parseQuantity(amount) > 0n) continue;
    faults.push(invalid(`${path}.${name}`, goQuantity(amount), 'must be positive'));
  }
  return share !== undefined && share < 1
    ? [...faults, invalid(`${path}.averageUtilization`, share, 'must be greater than 0')]
    : faults;
}

const maxWindowSeconds = 3600;
const maxPeriodSeconds = 1800;

function checkRules(path: string, rules: HPAScalingRules | undefined): Faults {
  if (!rules) return [];
  const { stabilizationWindowSeconds: seconds = 0, selectPolicy, policies = [] } = rules;
  const at = `${path}.stabilizationWindowSeconds`;
  return [
    ...(seconds < 0 ? [invalid(at, seconds, 'must be greater than or equal to zero')] : []),
    ...(seconds > maxWindowSeconds ? [invalid(at, seconds, `must be less than or equal to ${maxWindowSeconds}`)] : []),
    ...optionalOneOf(`${path}.selectPolicy`, selectPolicy, ['Disabled', 'Max', 'Min']),
    ...(policies.length === 0 ? [required(`${path}.policies`, 'must specify at least one Policy')] : []),
    ...policies.flatMap((policy, i) => checkPolicy(`${path}.policies[${i}]`, policy)),
  ];
}

function checkPolicy(path: string, { type, value, periodSeconds: period }: HPAScalingPolicy): Faults {
  const faults: Faults = [];
  if (type !== 'Pods' && type !== 'Percent') faults.push(notSupported(`${path}.type`, type, ['Percent', 'Pods']));
  if (value <= 0) faults.push(invalid(`${path}.value`, value, 'must be greater than zero'));
  const at = `${path}.periodSeconds`;
  if (period <= 0) faults.push(invalid(at, period, 'must be greater than zero'));
  return period > maxPeriodSeconds
    ? [...faults, invalid(at, period, `must be less than or equal to ${maxPeriodSeconds}`)]
    : faults;
}
