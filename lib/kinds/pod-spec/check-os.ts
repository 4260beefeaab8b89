/** Faults of what a pod says for one operating system and not for another. */
import { invalid, notSupported, required, type FieldError } from '#lib/meta/errors.ts';
import { subdomainFaults } from '#lib/meta/names.ts';
import { barred, grammar } from '../checks/values.ts';
import type { Container, PodSpec, WindowsSecurityContextOptions } from '../gen/core-v1.ts';

const maxCredentialSpecBytes = 64 * 1024;

/** The pod's operating system, and what pods of it may not have. */
export function checkOs(path: string, spec: PodSpec): FieldError[] {
  if (!spec.os) return [];
  const { name } = spec.os;
  if (!name) return [required(`${path}.os.name`, 'cannot be empty')];
  if (name === 'linux') return checkLinux(path, spec);
  if (name === 'windows') return checkWindows(path, spec);
  return [notSupported(`${path}.os`, name, ['linux', 'windows'])];
}

/** All containers with their paths, in upstream's order. */
function containersOf(path: string, spec: PodSpec): [path: string, container: Container][] {
  return (['initContainers', 'containers', 'ephemeralContainers'] as const).flatMap((list) =>
    (spec[list] ?? []).map((container, i): [string, Container] => [`${path}.${list}[${i}]`, container]),
  );
}

function checkLinux(path: string, spec: PodSpec): FieldError[] {
  const detail = 'windows options cannot be set for a linux pod';
  return [
    ...barred(`${path}.securityContext`, spec.securityContext ?? {}, ['windowsOptions'], detail),
    ...containersOf(path, spec).flatMap(([at, { securityContext = {} }]) =>
      barred(`${at}.securityContext`, securityContext, ['windowsOptions'], detail),
    ),
  ];
}

const linuxPodFields = [
  'appArmorProfile',
  'seLinuxOptions',
  'hostUsers',
  'hostPID',
  'hostIPC',
  'seccompProfile',
  'fsGroup',
  'fsGroupChangePolicy',
  'sysctls',
  'shareProcessNamespace',
  'runAsUser',
  'runAsGroup',
  'supplementalGroups',
  'supplementalGroupsPolicy',
  'seLinuxChangePolicy',
];
const linuxContainerFields = [
  'appArmorProfile',
  'seLinuxOptions',
  'seccompProfile',
  'capabilities',
  'readOnlyRootFilesystem',
  'privileged',
  'allowPrivilegeEscalation',
  'procMount',
  'runAsUser',
  'runAsGroup',
];

function checkWindows(path: string, spec: PodSpec): FieldError[] {
  const detail = 'cannot be set for a windows pod';
  const { hostUsers, shareProcessNamespace, hostPID, hostIPC } = spec;
  const own = {
    hostUsers,
    shareProcessNamespace,
    hostPID: hostPID || undefined,
    hostIPC: hostIPC || undefined,
  };
  const context = spec.securityContext ?? {};
  const sysctls = context.sysctls?.length ? context.sysctls : undefined;
  return [
    ...linuxPodFields.flatMap((field) =>
      field in own
        ? barred(path, own, [field], detail)
        : barred(`${path}.securityContext`, { ...context, sysctls }, [field], detail),
    ),
    ...containersOf(path, spec).flatMap(([at, { securityContext = {} }]) =>
      barred(`${at}.securityContext`, securityContext, linuxContainerFields, detail),
    ),
  ];
}

/** A Windows pod has either all of its containers in its host's own processes or none. */
export function checkHostProcess(path: string, spec: PodSpec): FieldError[] {
  const ofPod = spec.securityContext?.windowsOptions?.hostProcess;
  const containers = containersOf(path, spec);
  const faults: FieldError[] = [];
  let count = 0;
  for (const [at, { securityContext }] of containers) {
    const own = securityContext?.windowsOptions?.hostProcess;
    if (ofPod !== undefined && own !== undefined && ofPod !== own) {
      const detail = `pod hostProcess value must be identical if both are specified, was ${ofPod}`;
      faults.push(invalid(`${at}.securityContext.windowsOptions.hostProcess`, own, detail));
    }
    if (own ?? ofPod) count++;
  }
  if (count === 0) return faults;
  if (count !== containers.length) {
    const detail = 'If pod contains any hostProcess containers then all containers must be HostProcess containers';
    faults.push(invalid(path, '', detail));
  }
  if (!spec.hostNetwork) {
    const detail = 'hostNetwork must be true if pod contains any hostProcess containers';
    faults.push(invalid(`${path}.hostNetwork`, false, detail));
  }
  return faults;
}

/** What Windows wants to know of a container. */
export function checkWindowsOptions(path: string, options: WindowsSecurityContextOptions | undefined): FieldError[] {
  if (!options) return [];
  const { gmsaCredentialSpecName, gmsaCredentialSpec: credentials, runAsUserName } = options;
  const faults: FieldError[] = [];
  if (gmsaCredentialSpecName !== undefined) {
    faults.push(...grammar(`${path}.gmsaCredentialSpecName`, gmsaCredentialSpecName, subdomainFaults));
  }
  const at = `${path}.gmsaCredentialSpec`;
  if (credentials === '') faults.push(invalid(at, credentials, 'gmsaCredentialSpec cannot be an empty string'));
  else if (credentials !== undefined && credentials.length > maxCredentialSpecBytes) {
    faults.push(invalid(at, credentials, 'gmsaCredentialSpec size must be under 64 KiB'));
  }
  if (runAsUserName !== undefined) faults.push(...grammar(`${path}.runAsUserName`, runAsUserName, windowsUserFaults));
  return faults;
}

const netBios = /^[^\\/:*?"<>|.][^\\/:*?"<>|]{0,14}$/;
const dnsName = /^[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*$/;

/** `user` or `domain\user`. */
function windowsUserFaults(name: string): string[] {
  if (name === '') return ['runAsUserName cannot be an empty string'];
  if (/\p{Cc}/u.test(name)) return ['runAsUserName cannot contain control characters'];
  const parts = name.split('\\');
  if (parts.length > 2) return ['runAsUserName cannot contain more than one backslash'];
  const [user = '', domain] = parts.toReversed();
  const faults: string[] = [];
  if ((domain ?? '').length >= 256) faults.push("runAsUserName's Domain length must be under 256 characters");
  if (domain !== undefined && !netBios.test(domain) && !(domain.length < 256 && dnsName.test(domain))) {
    faults.push("runAsUserName's Domain doesn't match the NetBios nor the DNS format");
  }
  if (user === '') faults.push("runAsUserName's User cannot be empty");
  else if (user.length > 104) faults.push("runAsUserName's User length must not be longer than 104 characters");
  if (/^[. ]+$/.test(user)) faults.push("runAsUserName's User cannot contain only periods or spaces");
  if (/["/\\:;|=,+*?<>@[\]]/.test(user)) {
    faults.push(`runAsUserName's User cannot contain the following characters: "/\\:;|=,+*?<>@[]`);
  }
  return faults;
}
