/** Faults of a write to a pod's status (upstream's `ValidatePodStatusUpdate`). */
import { duplicate, fieldForbidden, invalid, type FieldError } from '#lib/meta/errors.ts';
import { goStructs } from '../checks/go-value.ts';
import { qualifiedNameFaults, subdomainFaults } from '#lib/meta/names.ts';
import { address, grammar } from '../checks/values.ts';
import type { ContainerStatus, Pod, PodSpec, PodStatus } from '../gen/core-v1.ts';

const ownConditions = new Set(['PodScheduled', 'Ready', 'Initialized']);

export function checkPodStatusUpdate(now: Pod, before: Pod): FieldError[] {
  const next: PodStatus = now.status ?? {};
  const old: PodStatus = before.status ?? {};
  const faults = (next.conditions ?? []).flatMap(({ type }, i) =>
    ownConditions.has(type) ? [] : grammar(`metadata.conditions[${i}].Type`, type, qualifiedNameFaults),
  );
  if (now.spec.nodeName !== before.spec.nodeName) {
    faults.push(fieldForbidden('status.nodeName', 'may not be changed directly'));
  }
  if (next.nominatedNodeName && next.nominatedNodeName !== old.nominatedNodeName) {
    faults.push(...grammar('status.nominatedNodeName', next.nominatedNodeName, subdomainFaults));
  }
  // A writer that says nothing of it leaves it as it is.
  if (next.qosClass && old.qosClass && next.qosClass !== old.qosClass) {
    faults.push(invalid('status.qosClass', next.qosClass, 'field is immutable'));
  }
  const policy = before.spec.restartPolicy;
  const sidecars = sidecarsOf(before.spec);
  return [
    ...faults,
    ...checkStillEnded('status.containerStatuses', next.containerStatuses, old.containerStatuses, policy),
    ...checkStillEnded(
      'status.initContainerStatuses',
      next.initContainerStatuses,
      old.initContainerStatuses?.map((status) => (sidecars.has(status.name) ? { ...status, state: {} } : status)),
      policy,
    ),
    ...checkStillEnded(
      'status.ephemeralContainerStatuses',
      next.ephemeralContainerStatuses,
      old.ephemeralContainerStatuses,
      'Never',
    ),
    ...checkClaims(now),
    ...checkAddresses('podIPs', next.podIPs, 'PodIP'),
    ...checkAddresses('hostIPs', next.hostIPs, 'HostIP'),
  ];
}

function sidecarsOf({ initContainers = [] }: PodSpec): Set<string> {
  return new Set(initContainers.filter(({ restartPolicy }) => restartPolicy === 'Always').map(({ name }) => name));
}

/** What has ended stays ended where the restart policy says so. The index is the one that it had. */
function checkStillEnded(
  path: string,
  now: readonly ContainerStatus[] | undefined,
  before: readonly ContainerStatus[] | undefined,
  policy: string | undefined,
): FieldError[] {
  if (policy === 'Always') return [];
  return (before ?? []).flatMap((old, i) => {
    const ended = old.state?.terminated;
    if (!ended || (ended.exitCode !== 0 && policy === 'OnFailure')) return [];
    return (now ?? [])
      .filter(({ name, state }) => name === old.name && !state?.terminated)
      .map(() => fieldForbidden(`${path}[${i}].state`, 'may not be transitioned to non-terminated state'));
  });
}

function checkClaims({ spec, status }: Pod): FieldError[] {
  const known = new Set((spec.resourceClaims ?? []).map(({ name }) => name));
  const seen = new Set<string>();
  return (status?.resourceClaimStatuses ?? []).flatMap(({ name, resourceClaimName }, i) => {
    const at = `status.resourceClaimStatuses[${i}].name`;
    const faults: FieldError[] = [];
    if (!known.has(name)) {
      faults.push(invalid(at, name, 'must match the name of an entry in `spec.resourceClaims`'));
    }
    if (seen.has(name)) faults.push(duplicate(at, name));
    seen.add(name);
    return resourceClaimName === undefined ? faults : [...faults, ...grammar(at, resourceClaimName, subdomainFaults)];
  });
}

/** A pod has one address of each family at most. */
function checkAddresses(
  field: 'podIPs' | 'hostIPs',
  list: readonly { ip: string }[] | undefined,
  title: string,
): FieldError[] {
  if (!list || list.length === 0) return [];
  const at = `status.${field}`;
  const faults = list.flatMap(({ ip }, i) => address(`${at}[${i}]`, ip));
  const shown = () => goStructs(`io.k8s.api.core.v1.${title}`, list);
  const isSix = list.map(({ ip }) => ip.includes(':'));
  if (list.length > 2) {
    faults.push(invalid(at, shown(), `may specify no more than one IP for each IP family`));
  } else if (list.length === 2 && faults.length === 0 && isSix[0] === isSix[1]) {
    faults.push(invalid(at, shown(), `may specify no more than one IP for each IP family`));
  }
  return faults;
}
