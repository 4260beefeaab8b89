/** Faults of a pod spec, of pods and of templates (upstream's `ValidatePodSpec`). */
import { fieldForbidden, invalid, notSupported, required, type FieldError } from '#lib/meta/errors.ts';
import { labelNameFaults, subdomainFaults } from '#lib/meta/names.ts';
import { checkAnnotations, checkLabels } from '../checks/metadata.ts';
import { address, grammar, oneOf, optionalOneOf } from '../checks/values.ts';
import type { PodSpec, PodTemplateSpec } from '../gen/core-v1.ts';
import { checkContainers } from './check-containers.ts';
import { checkEphemeralContainers } from './check-ephemeral.ts';
import { checkDeadline, checkScheduling } from './check-scheduling.ts';
import { checkPodSecurity } from './check-security.ts';
import { checkOs, checkPullSecrets, checkVolumes } from './check-volumes.ts';

const dnsPolicies = ['ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None'];
const maxNameservers = 3;
const maxSearches = 32;

export function checkPodSpec(path: string, spec: PodSpec): FieldError[] {
  const faults = [
    ...checkVolumes(`${path}.volumes`, spec),
    ...checkContainers(path, spec),
    ...checkEphemeralContainers(`${path}.ephemeralContainers`, spec),
    ...oneOf(`${path}.restartPolicy`, spec.restartPolicy, ['Always', 'OnFailure', 'Never']),
    ...oneOf(`${path}.dnsPolicy`, spec.dnsPolicy, dnsPolicies),
    ...checkDnsConfig(`${path}.dnsConfig`, spec),
    ...checkScheduling(path, spec),
    ...checkPodSecurity(path, spec),
    ...checkPullSecrets(`${path}.imagePullSecrets`, spec),
    ...checkOs(`${path}.os`, spec),
    ...checkDeadline(`${path}.activeDeadlineSeconds`, spec.activeDeadlineSeconds),
    ...optionalOneOf(`${path}.preemptionPolicy`, spec.preemptionPolicy, ['PreemptLowerPriority', 'Never']),
  ];
  if (spec.serviceAccountName) {
    faults.push(...grammar(`${path}.serviceAccountName`, spec.serviceAccountName, subdomainFaults));
  }
  if (spec.hostname) faults.push(...grammar(`${path}.hostname`, spec.hostname, labelNameFaults));
  if (spec.subdomain) faults.push(...grammar(`${path}.subdomain`, spec.subdomain, labelNameFaults));
  if (spec.runtimeClassName)
    faults.push(...grammar(`${path}.runtimeClassName`, spec.runtimeClassName, subdomainFaults));
  for (const [i, { ip, hostnames = [] }] of (spec.hostAliases ?? []).entries()) {
    faults.push(...address(`${path}.hostAliases[${i}].ip`, ip));
    for (const name of hostnames) faults.push(...grammar(`${path}.hostAliases[${i}].hostnames`, name, subdomainFaults));
  }
  return faults;
}

function checkDnsConfig(path: string, { dnsPolicy, dnsConfig }: PodSpec): FieldError[] {
  const nameservers = dnsConfig?.nameservers ?? [];
  if (dnsPolicy === 'None') {
    if (!dnsConfig) return [required(path, 'must provide `dnsConfig` when `dnsPolicy` is None')];
    if (nameservers.length === 0) {
      return [required(`${path}.nameservers`, 'must provide at least one DNS nameserver when `dnsPolicy` is None')];
    }
  }
  const faults = nameservers.flatMap((server, i) => address(`${path}.nameservers[${i}]`, server));
  if (nameservers.length > maxNameservers) {
    faults.push(invalid(`${path}.nameservers`, nameservers, `must not have more than ${maxNameservers} nameservers`));
  }
  const searches = dnsConfig?.searches ?? [];
  if (searches.length > maxSearches) {
    faults.push(invalid(`${path}.searches`, searches, `must not have more than ${maxSearches} search paths`));
  }
  for (const [i, search] of searches.entries()) {
    // A trailing dot makes the path absolute, `.` alone is the root; underscores appear in service names.
    const plain = search.replace(/\.$/, '').replaceAll('_', '-');
    if (search !== '.') faults.push(...grammar(`${path}.searches[${i}]`, plain, subdomainFaults));
  }
  for (const [i, { name }] of (dnsConfig?.options ?? []).entries()) {
    if (!name) faults.push(required(`${path}.options[${i}]`, 'must not be empty'));
  }
  return faults;
}

/** Faults of a workload's pod template. */
export function checkPodTemplate(path: string, template: PodTemplateSpec): FieldError[] {
  const spec = template.spec ?? { containers: [] };
  const faults = [
    ...checkLabels(`${path}.metadata.labels`, template.metadata?.labels),
    ...checkAnnotations(`${path}.metadata.annotations`, template.metadata?.annotations),
    ...checkPodSpec(`${path}.spec`, spec),
  ];
  if ((spec.ephemeralContainers ?? []).length > 0) {
    faults.push(fieldForbidden(`${path}.spec.ephemeralContainers`, 'ephemeral containers not allowed in pod template'));
  }
  return faults;
}

/** The template of a workload whose pods always run again; `owner` is its kind. */
export function checkAlwaysTemplate(path: string, template: PodTemplateSpec, owner: string): FieldError[] {
  const faults = checkPodTemplate(path, template);
  const policy = template.spec?.restartPolicy;
  if (policy !== 'Always' && policy !== undefined) {
    faults.push(notSupported(`${path}.spec.restartPolicy`, policy, ['Always']));
  }
  if (template.spec?.activeDeadlineSeconds !== undefined) {
    faults.push(
      fieldForbidden(`${path}.spec.activeDeadlineSeconds`, `activeDeadlineSeconds in ${owner} is not Supported`),
    );
  }
  return faults;
}
