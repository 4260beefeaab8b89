/** Warnings of pods and pod templates: what is accepted and does not do what it seems to (upstream's `pkg/api/pod/warnings.go`). */
import { goQuote } from '#lib/meta/go-text.ts';
import { labelWarning, mapWarnings, termWarnings } from '../checks/node-label-warnings.ts';
import type { Affinity, Container, EnvVar, PodSpec, PodTemplateSpec } from '../gen/core-v1.ts';
import { claimWarnings, fractionWarnings } from './claim-warnings.ts';
import { portWarnings } from './port-warnings.ts';
import { volumeWarnings } from './volume-warnings.ts';

type Annotations = Readonly<Record<string, string>>;

/** Of a pod's template at this path. */
export function templateWarnings(path: string, template: PodTemplateSpec | undefined): string[] {
  if (!template?.spec) return [];
  return podWarnings(`${path}.`, template.spec, template.metadata?.annotations, true);
}

/** Of a pod; `prefix` is '' for the pod itself. */
export function podWarnings(
  prefix: string,
  spec: PodSpec,
  annotations: Annotations = {},
  isTemplate = false,
): string[] {
  const at = `${prefix}spec`;
  const grace = spec.terminationGracePeriodSeconds;
  return [
    ...mapWarnings((key) => `${at}.nodeSelector[${key}]`, spec.nodeSelector),
    ...placeWarnings(`${at}.affinity.nodeAffinity`, spec.affinity),
    ...spreadWarnings(`${at}.topologySpreadConstraints`, spec),
    ...annotationWarnings(`${prefix}metadata.annotations`, annotations),
    ...volumeWarnings(`${at}.volumes`, spec),
    ...(spec.volumes ?? []).flatMap(({ ephemeral }, i) =>
      ephemeral?.volumeClaimTemplate
        ? claimWarnings(`${at}.volumes[${i}].ephemeral.volumeClaimTemplate.spec`, ephemeral.volumeClaimTemplate.spec)
        : [],
    ),
    ...repeats(`${at}.hostAliases`, 'ip', spec.hostAliases),
    ...repeats(`${at}.imagePullSecrets`, 'name', spec.imagePullSecrets),
    ...(spec.imagePullSecrets ?? []).flatMap(({ name }, i) =>
      name ? [] : [`${at}.imagePullSecrets[${i}].name: invalid empty name ""`],
    ),
    ...fractionWarnings(`${at}.overhead`, spec.overhead, bytes),
    ...profileWarnings(`${prefix}metadata.annotations`, spec, annotations),
    ...containersOf(at, spec).flatMap(([path, container]) => [
      ...containerProfileWarnings(`${prefix}metadata.annotations`, spec, container, annotations, isTemplate),
      ...fractionWarnings(`${path}.resources.limits`, container.resources?.limits, bytes.slice(0, 1)),
      ...fractionWarnings(`${path}.resources.requests`, container.resources?.requests, bytes.slice(0, 1)),
      ...fractionWarnings(`${path}.resources.limits`, container.resources?.limits, bytes.slice(1)),
      ...fractionWarnings(`${path}.resources.requests`, container.resources?.requests, bytes.slice(1)),
      ...hidingWarnings(`${path}.env`, container.env),
    ]),
    ...portWarnings(containersOf(at, spec)),
    ...(grace !== undefined && grace < 0
      ? [`${at}.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1`]
      : []),
    ...selectorWarnings(`${at}.affinity`, spec.affinity),
  ];
}

const bytes = ['memory', 'ephemeral-storage'];

function containersOf(path: string, spec: PodSpec): [path: string, container: Container][] {
  return (['initContainers', 'containers', 'ephemeralContainers'] as const).flatMap((list) =>
    (spec[list] ?? []).map((container, i): [string, Container] => [`${path}.${list}[${i}]`, container]),
  );
}

function placeWarnings(path: string, affinity: Affinity | undefined): string[] {
  const {
    requiredDuringSchedulingIgnoredDuringExecution: need,
    preferredDuringSchedulingIgnoredDuringExecution: wish,
  } = affinity?.nodeAffinity ?? {};
  return [
    ...(need?.nodeSelectorTerms ?? []).flatMap((term, i) =>
      termWarnings(`${path}.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[${i}]`, term),
    ),
    ...(wish ?? []).flatMap(({ preference }, i) =>
      termWarnings(`${path}.preferredDuringSchedulingIgnoredDuringExecution[${i}].preference`, preference),
    ),
  ];
}

const nothing = 'a null labelSelector results in matching no pod';

function spreadWarnings(path: string, { topologySpreadConstraints }: PodSpec): string[] {
  return (topologySpreadConstraints ?? []).flatMap(({ topologyKey, labelSelector }, i) => {
    const warning = labelWarning(topologyKey);
    return [
      ...(warning ? [`${path}[${i}].topologyKey: ${topologyKey} is ${warning}`] : []),
      ...(labelSelector ? [] : [`${path}[${i}].labelSelector: ${nothing}`]),
    ];
  });
}

function selectorWarnings(path: string, affinity: Affinity | undefined): string[] {
  return (['podAffinity', 'podAntiAffinity'] as const).flatMap((side) => {
    const rules = affinity?.[side];
    const at = `${path}.${side}`;
    return [
      ...(rules?.requiredDuringSchedulingIgnoredDuringExecution ?? []).flatMap(({ labelSelector }, i) =>
        labelSelector ? [] : [`${at}.requiredDuringSchedulingIgnoredDuringExecution[${i}].labelSelector: ${nothing}`],
      ),
      ...(rules?.preferredDuringSchedulingIgnoredDuringExecution ?? []).flatMap(({ podAffinityTerm }, i) =>
        podAffinityTerm.labelSelector
          ? []
          : [`${at}.preferredDuringSchedulingIgnoredDuringExecution[${i}].podAffinityTerm.labelSelector: ${nothing}`],
      ),
    ];
  });
}

const withoutFunction: Readonly<Record<string, string>> = {
  'scheduler.alpha.kubernetes.io/critical-pod': 'non-functional in v1.16+; use the "priorityClassName" field instead',
  'security.alpha.kubernetes.io/sysctls': 'non-functional in v1.11+; use the "sysctls" field instead',
  'security.alpha.kubernetes.io/unsafe-sysctls': 'non-functional in v1.11+; use the "sysctls" field instead',
};

function annotationWarnings(path: string, annotations: Annotations): string[] {
  return Object.entries(withoutFunction)
    .filter(([key]) => Object.hasOwn(annotations, key))
    .map(([key, warning]) => `${path}[${key}]: ${warning}`);
}

const noSeccomp = 'non-functional in v1.27+; use the "seccompProfile" field instead';
const noAppArmor = 'deprecated since v1.30; use the "appArmorProfile" field instead';

function profileWarnings(path: string, { securityContext }: PodSpec, annotations: Annotations): string[] {
  const key = 'seccomp.security.alpha.kubernetes.io/pod';
  return !securityContext?.seccompProfile && Object.hasOwn(annotations, key) ? [`${path}[${key}]: ${noSeccomp}`] : [];
}

/** A pod's own AppArmor annotations become fields, and are told of there. */
function containerProfileWarnings(
  path: string,
  pod: PodSpec,
  { name, securityContext: own }: Container,
  annotations: Annotations,
  isTemplate: boolean,
): string[] {
  const seccomp = `container.seccomp.security.alpha.kubernetes.io/${name}`;
  const appArmor = `container.apparmor.security.beta.kubernetes.io/${name}`;
  const hasAppArmor = pod.securityContext?.appArmorProfile ?? own?.appArmorProfile;
  return [
    ...(!own?.seccompProfile && Object.hasOwn(annotations, seccomp) ? [`${path}[${seccomp}]: ${noSeccomp}`] : []),
    ...(isTemplate && !hasAppArmor && Object.hasOwn(annotations, appArmor)
      ? [`${path}[${appArmor}]: ${noAppArmor}`]
      : []),
  ];
}

function repeats<K extends string>(
  path: string,
  field: K,
  list: readonly { [name in K]?: string | undefined }[] = [],
): string[] {
  const seen = new Set<string>();
  return list.flatMap((item, i) => {
    const value = item[field] ?? '';
    if (seen.has(value)) return [`${path}[${i}].${field}: duplicate ${field} ${goQuote(value)}`];
    seen.add(value);
    return [];
  });
}

/** A variable may be defined by what it was before; another definition hides it. */
function hidingWarnings(path: string, variables: readonly EnvVar[] = []): string[] {
  const seen = new Set<string>();
  return variables.flatMap(({ name, value = '', valueFrom }, i) => {
    const reference = `$(${name})`;
    const hides = valueFrom !== undefined || value === reference || !value.includes(reference);
    const isTwice = seen.has(name);
    seen.add(name);
    return isTwice && hides
      ? [`${path}[${i}]: hides previous definition of ${goQuote(name)}, which may be dropped when using apply`]
      : [];
  });
}
