/** Faults of security contexts, of containers and of pods. */
import {
  duplicate,
  fieldForbidden,
  invalid,
  notSupported,
  required,
  tooLong,
  type FieldError,
} from '#lib/meta/errors.ts';
import { goStruct } from '../checks/go-value.ts';
import { between, optionalOneOf, relativePath } from '../checks/values.ts';
import type { AppArmorProfile, PodSpec, SeccompProfile, SecurityContext } from '../gen/core-v1.ts';
import { checkWindowsOptions } from './check-os.ts';

const maxId = 2147483647;
const maxProfilePath = 4095;

/** Faults of a container's security context; `hostUsers` is the pod's. */
export function checkContainerSecurity(
  path: string,
  context: SecurityContext | undefined,
  hostUsers: boolean | undefined,
): FieldError[] {
  if (!context) return [];
  const faults = [
    ...checkId(`${path}.runAsUser`, context.runAsUser),
    ...checkId(`${path}.runAsGroup`, context.runAsGroup),
    ...optionalOneOf(`${path}.procMount`, context.procMount, ['Default', 'Unmasked']),
  ];
  if (context.procMount === 'Unmasked' && hostUsers !== false) {
    faults.push(invalid(`${path}.procMount`, context.procMount, '`hostUsers` must be false to use `Unmasked`'));
  }
  faults.push(...checkSeccomp(`${path}.seccompProfile`, context.seccompProfile));
  if (context.allowPrivilegeEscalation === false) {
    const cannot = (what: string) =>
      invalid(
        path,
        goStruct('io.k8s.api.core.v1.SecurityContext', context),
        `cannot set \`allowPrivilegeEscalation\` to false and ${what}`,
      );
    if (context.privileged) faults.push(cannot('`privileged` to true'));
    if (context.capabilities?.add?.includes('CAP_SYS_ADMIN')) faults.push(cannot('`capabilities.Add` CAP_SYS_ADMIN'));
  }
  return [
    ...faults,
    ...checkWindowsOptions(`${path}.windowsOptions`, context.windowsOptions),
    ...checkAppArmor(`${path}.appArmorProfile`, context.appArmorProfile),
  ];
}

/** Faults of the pod's own security context. */
export function checkPodSecurity(path: string, spec: PodSpec): FieldError[] {
  const context = spec.securityContext;
  if (!context) return [];
  const faults = [
    ...checkId(`${path}.fsGroup`, context.fsGroup),
    ...checkId(`${path}.runAsUser`, context.runAsUser),
    ...checkId(`${path}.runAsGroup`, context.runAsGroup),
    ...(context.supplementalGroups ?? []).flatMap((id, i) => checkId(`${path}.supplementalGroups[${i}]`, id)),
  ];
  if (spec.shareProcessNamespace && spec.hostPID) {
    faults.push(
      invalid(`${path}.shareProcessNamespace`, true, 'ShareProcessNamespace and HostPID cannot both be enabled'),
    );
  }
  return [
    ...faults,
    ...checkSysctls(`${path}.sysctls`, spec),
    ...optionalOneOf(`${path}.fsGroupChangePolicy`, context.fsGroupChangePolicy, ['Always', 'OnRootMismatch']),
    ...checkSeccomp(`${path}.seccompProfile`, context.seccompProfile),
    ...checkWindowsOptions(`${path}.windowsOptions`, context.windowsOptions),
    ...checkAppArmor(`${path}.appArmorProfile`, context.appArmorProfile),
    ...optionalOneOf(`${path}.supplementalGroupsPolicy`, context.supplementalGroupsPolicy, ['Merge', 'Strict']),
    ...optionalOneOf(`${path}.seLinuxChangePolicy`, context.seLinuxChangePolicy, ['MountOption', 'Recursive']),
  ];
}

/** A pod whose users are its own shares nothing else with its host. */
export function checkHostUsers(path: string, spec: PodSpec): FieldError[] {
  if (spec.hostUsers !== false) return [];
  const detail = 'when `pod.Spec.HostUsers` is false';
  return [
    ...(spec.hostNetwork ? [fieldForbidden(`${path}.hostNetwork`, detail)] : []),
    ...(spec.hostPID ? [fieldForbidden(`${path}.HostPID`, detail)] : []),
    ...(spec.hostIPC ? [fieldForbidden(`${path}.HostIPC`, detail)] : []),
  ];
}

function checkId(path: string, id: number | undefined): FieldError[] {
  return id === undefined ? [] : between(path, id, 0, maxId);
}

const sysctlName = /^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$/;
const sysctlSentence =
  'must have at most 253 characters and match regex ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$';

function checkSysctls(path: string, spec: PodSpec): FieldError[] {
  const seen = new Set<string>();
  return (spec.securityContext?.sysctls ?? []).flatMap(({ name }, i) => {
    const at = `${path}[${i}].name`;
    const faults: FieldError[] = [];
    if (!name) faults.push(required(at));
    else if (name.length > 253 || !sysctlName.test(name)) faults.push(invalid(at, name, sysctlSentence));
    else if (seen.has(name)) faults.push(duplicate(at, name));
    seen.add(name);
    // The first separator of the two says which of them separates.
    const dotted = /^[^./]*\//.test(name) ? name.replaceAll(/[./]/g, (mark) => (mark === '.' ? '/' : '.')) : name;
    if (spec.hostNetwork && dotted.startsWith('net.')) {
      faults.push(invalid(at, name, "may not be specified when 'hostNetwork' is true"));
    } else if (spec.hostIPC && /^(kernel\.(shm|msg|sem)|fs\.mqueue\.)/.test(dotted)) {
      faults.push(invalid(at, name, "may not be specified when 'hostIPC' is true"));
    }
    return faults;
  });
}

const profileTypes = ['Localhost', 'RuntimeDefault', 'Unconfined'];

function checkSeccomp(path: string, profile: SeccompProfile | undefined): FieldError[] {
  if (!profile) return [];
  const { type, localhostProfile } = profile;
  const faults: FieldError[] = [];
  if (!type) faults.push(required(`${path}.type`, 'type is required when seccompProfile is set'));
  else if (!profileTypes.includes(type)) faults.push(notSupported(`${path}.type`, type, profileTypes));
  const at = `${path}.localhostProfile`;
  if (type === 'Localhost') {
    if (localhostProfile === undefined) faults.push(required(at, 'must be set when seccomp type is Localhost'));
    else faults.push(...relativePath(at, localhostProfile));
  } else if (localhostProfile !== undefined) {
    const shown = goStruct('io.k8s.api.core.v1.SeccompProfile', profile);
    faults.push(invalid(at, shown, 'can only be set when seccomp type is Localhost'));
  }
  return faults;
}

function checkAppArmor(path: string, profile: AppArmorProfile | undefined): FieldError[] {
  if (!profile) return [];
  const { type, localhostProfile } = profile;
  const at = `${path}.localhostProfile`;
  if (!type) return [required(`${path}.type`, 'type is required when appArmorProfile is set')];
  if (!profileTypes.includes(type)) return [notSupported(`${path}.type`, type, profileTypes)];
  if (type !== 'Localhost') {
    return localhostProfile === undefined
      ? []
      : [invalid(at, localhostProfile, 'can only be set when AppArmor type is Localhost')];
  }
  if (!localhostProfile) return [required(at, 'must be set when AppArmor type is Localhost')];
  return [
    ...(localhostProfile.trim() === localhostProfile
      ? []
      : [invalid(at, localhostProfile, 'must not be padded with whitespace')]),
    ...(localhostProfile.length > maxProfilePath ? [tooLong(at, maxProfilePath)] : []),
  ];
}
