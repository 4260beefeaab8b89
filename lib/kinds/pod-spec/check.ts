/** Faults of a pod spec, of pods and of templates (upstream's `ValidatePodSpec`). */
import { duplicate, fieldForbidden, invalid, notSupported, required, type FieldError } from '#lib/meta/errors.ts';
import { labelNameFaults, subdomainFaults } from '#lib/meta/names.ts';
import { goStruct } from '../checks/go-value.ts';
import { checkAnnotations, checkLabels } from '../checks/metadata.ts';
import { between, grammar, label, oneOf, optionalOneOf } from '../checks/values.ts';
import type { PodResourceClaim, PodSpec, PodTemplateSpec } from '../gen/core-v1.ts';
import { checkPodAnnotations } from './check-annotations.ts';
import { checkHostNetworkPorts, checkInitContainers, checkMainContainers, checkPodImages } from './check-containers.ts';
import { checkEphemeralContainers } from './check-ephemeral.ts';
import { checkDnsConfig, checkHostAliases, checkTokenOwner } from './check-names.ts';
import { checkHostProcess, checkOs } from './check-os.ts';
import { checkAnyResourceName, checkAmount } from './check-resources.ts';
import {
  checkAffinity,
  checkReadinessGates,
  checkSchedulingGates,
  checkSpread,
  checkTolerations,
} from './check-scheduling.ts';
import { checkHostUsers, checkPodSecurity } from './check-security.ts';
import { checkVolumes, type OfPod } from './check-volumes.ts';

const maxSeconds = 2147483647;
const dnsPolicies = ['ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None'];

/** Faults of a pod's spec, or of a template's when there is no `pod`. */
export function checkPodSpec(path: string, spec: PodSpec, pod?: OfPod): FieldError[] {
  const { faults: volumeFaults, good: volumes } = checkVolumes(`${path}.volumes`, spec, pod);
  const isGiven = (field: 'serviceAccountName' | 'nodeName' | 'priorityClassName' | 'runtimeClassName') =>
    spec[field] ? grammar(`${path}.${field}`, spec[field], subdomainFaults) : [];
  const isLabel = (field: 'hostname' | 'subdomain') =>
    spec[field] ? grammar(`${path}.${field}`, spec[field], labelNameFaults) : [];
  const faults = [
    ...(spec.terminationGracePeriodSeconds === undefined ? [required(`${path}.terminationGracePeriodSeconds`)] : []),
    ...volumeFaults,
    ...checkClaims(`${path}.resourceClaims`, spec.resourceClaims),
    ...checkMainContainers(`${path}.containers`, spec, volumes),
    ...checkInitContainers(`${path}.initContainers`, spec, volumes),
    ...checkEphemeralContainers(`${path}.ephemeralContainers`, spec, volumes),
    ...checkHostNetworkPorts(`${path}.containers`, spec, pod !== undefined),
    ...oneOf(`${path}.restartPolicy`, spec.restartPolicy, ['Always', 'OnFailure', 'Never']),
    ...oneOf(`${path}.dnsPolicy`, spec.dnsPolicy, dnsPolicies),
    ...checkLabels(`${path}.nodeSelector`, spec.nodeSelector),
    ...checkPodSecurity(`${path}.securityContext`, spec),
    ...(spec.imagePullSecrets ?? []).flatMap(({ name }, i) =>
      name ? [] : [required(`${path}.imagePullSecrets[${i}].name`)],
    ),
    ...checkAffinity(`${path}.affinity`, spec.affinity),
    ...checkDnsConfig(`${path}.dnsConfig`, spec),
    ...checkReadinessGates(`${path}.readinessGates`, spec),
    ...checkSchedulingGates(`${path}.schedulingGates`, spec),
    ...checkSpread(`${path}.topologySpreadConstraints`, spec.topologySpreadConstraints),
    ...checkHostProcess(path, spec),
    ...checkHostUsers(path, spec),
    ...isGiven('serviceAccountName'),
    ...isGiven('nodeName'),
    ...(spec.activeDeadlineSeconds === undefined
      ? []
      : between(`${path}.activeDeadlineSeconds`, spec.activeDeadlineSeconds, 1, maxSeconds)),
    ...isLabel('hostname'),
    ...isLabel('subdomain'),
    ...checkTolerations(`${path}.tolerations`, spec.tolerations),
    ...checkHostAliases(`${path}.hostAliases`, spec),
    ...isGiven('priorityClassName'),
    ...isGiven('runtimeClassName'),
    ...optionalOneOf(`${path}.preemptionPolicy`, spec.preemptionPolicy, ['PreemptLowerPriority', 'Never']),
    ...checkOverhead(`${path}.overhead`, spec.overhead),
    ...checkOs(path, spec),
  ];
  return pod ? [...faults, ...checkTokenOwner(path, spec), ...checkImages(path, spec)] : faults;
}

function checkImages(path: string, spec: PodSpec): FieldError[] {
  return [
    ...checkPodImages(`${path}.containers`, spec.containers),
    ...checkPodImages(`${path}.initContainers`, spec.initContainers),
  ];
}

function checkClaims(path: string, claims: readonly PodResourceClaim[] | undefined): FieldError[] {
  const names = new Set<string>();
  return (claims ?? []).flatMap((claim, i) => {
    const at = `${path}[${i}]`;
    const { name, resourceClaimName, resourceClaimTemplateName } = claim;
    const faults: FieldError[] = [];
    const shown = () => goStruct('io.k8s.api.core.v1.PodResourceClaim', claim);
    if (names.has(name)) faults.push(duplicate(`${at}.name`, name));
    else {
      faults.push(...label(`${at}.name`, name));
      names.add(name);
    }
    if (resourceClaimName !== undefined && resourceClaimTemplateName !== undefined) {
      const detail = 'at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified';
      faults.push(invalid(at, shown(), detail));
    }
    if (resourceClaimName === undefined && resourceClaimTemplateName === undefined) {
      faults.push(invalid(at, shown(), 'must specify one of: `resourceClaimName`, `resourceClaimTemplateName`'));
    }
    for (const field of ['resourceClaimName', 'resourceClaimTemplateName'] as const) {
      const value = claim[field];
      if (value !== undefined) faults.push(...grammar(`${at}.${field}`, value, subdomainFaults));
    }
    return faults;
  });
}

/** What the pod takes besides its containers. */
export function checkOverhead(
  path: string,
  overhead: Readonly<Record<string, number | string>> | undefined,
): FieldError[] {
  return Object.entries(overhead ?? {}).flatMap(([name, amount]) => [
    ...checkAnyResourceName(`${path}[${name}]`, name),
    ...checkAmount(`${path}[${name}]`, name, amount),
  ]);
}

/** Faults of a workload's pod template. */
export function checkPodTemplate(path: string, template: PodTemplateSpec | undefined): FieldError[] {
  const spec: PodSpec = template?.spec ?? { containers: [] };
  const faults = [
    ...checkLabels(`${path}.labels`, template?.metadata?.labels),
    ...checkAnnotations(`${path}.annotations`, template?.metadata?.annotations),
    ...checkPodAnnotations(`${path}.annotations`, template?.metadata?.annotations, spec),
    ...checkPodSpec(`${path}.spec`, spec),
  ];
  if (spec.ephemeralContainers?.length) {
    faults.push(fieldForbidden(`${path}.spec.ephemeralContainers`, 'ephemeral containers not allowed in pod template'));
  }
  return faults;
}

/** What a template may not say whose pods always run again; `owner` is its kind. */
export function checkAlwaysRuns(path: string, { spec }: PodTemplateSpec, owner: string): FieldError[] {
  const policy = spec?.restartPolicy;
  return [
    ...(policy === 'Always' ? [] : [notSupported(`${path}.spec.restartPolicy`, policy ?? '', ['Always'])]),
    ...(spec?.activeDeadlineSeconds === undefined
      ? []
      : [fieldForbidden(`${path}.spec.activeDeadlineSeconds`, `activeDeadlineSeconds in ${owner} is not Supported`)]),
  ];
}

/** The template of a workload whose pods always run again. */
export function checkAlwaysTemplate(path: string, template: PodTemplateSpec, owner: string): FieldError[] {
  return [...checkPodTemplate(path, template), ...checkAlwaysRuns(path, template, owner)];
}
