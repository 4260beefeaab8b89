/** Faults of security contexts. */
import { duplicate, fieldForbidden, invalid, notSupported, required, type FieldError } from '#lib/meta/errors.ts';
import { between, optionalOneOf, withoutBackSteps } from '../checks/values.ts';
import type { AppArmorProfile, PodSpec, SeccompProfile, SecurityContext } from '../gen/core-v1.ts';

const maxId = 2147483647;

/** Faults of a container's security context. */
export function checkContainerSecurity(
  path: string,
  context: SecurityContext | undefined,
  hostUsers: boolean | undefined,
): FieldError[] {
  if (!context) return [];
  const faults = checkIds(path, context);
  faults.push(...optionalOneOf(`${path}.procMount`, context.procMount, ['Default', 'Unmasked']));
  if (context.procMount === 'Unmasked' && hostUsers !== false) {
    faults.push(invalid(`${path}.procMount`, context.procMount, '`hostUsers` must be false to use `Unmasked`'));
  }
  if (context.allowPrivilegeEscalation === false) {
    if (context.privileged) {
      faults.push(invalid(path, context, 'cannot set `allowPrivilegeEscalation` to false and `privileged` to true'));
    }
    if (context.capabilities?.add?.includes('CAP_SYS_ADMIN')) {
      faults.push(
        invalid(path, context, 'cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN'),
      );
    }
  }
  faults.push(...checkProfile(`${path}.seccompProfile`, context.seccompProfile, 'seccomp'));
  faults.push(...checkProfile(`${path}.appArmorProfile`, context.appArmorProfile, 'AppArmor'));
  return faults;
}

/** Faults of the pod's own security context and of its use of the host's namespaces. */
export function checkPodSecurity(path: string, spec: PodSpec): FieldError[] {
  const faults: FieldError[] = [];
  const context = spec.securityContext ?? {};
  const at = `${path}.securityContext`;
  if (spec.shareProcessNamespace && spec.hostPID) {
    faults.push(
      invalid(`${path}.shareProcessNamespace`, true, 'ShareProcessNamespace and HostPID cannot both be enabled'),
    );
  }
  if (spec.hostUsers === false) {
    for (const name of ['hostNetwork', 'hostPID', 'hostIPC'] as const) {
      if (spec[name]) faults.push(fieldForbidden(`${path}.${name}`, 'when `hostUsers` is false'));
    }
  }
  faults.push(...checkIds(at, context));
  if (context.fsGroup !== undefined) faults.push(...between(`${at}.fsGroup`, context.fsGroup, 0, maxId));
  for (const [i, group] of (context.supplementalGroups ?? []).entries()) {
    faults.push(...between(`${at}.supplementalGroups[${i}]`, group, 0, maxId));
  }
  faults.push(
    ...optionalOneOf(`${at}.supplementalGroupsPolicy`, context.supplementalGroupsPolicy, ['Merge', 'Strict']),
  );
  faults.push(...optionalOneOf(`${at}.fsGroupChangePolicy`, context.fsGroupChangePolicy, ['OnRootMismatch', 'Always']));
  faults.push(...checkSysctls(`${at}.sysctls`, spec));
  faults.push(...checkProfile(`${at}.seccompProfile`, context.seccompProfile, 'seccomp'));
  faults.push(...checkProfile(`${at}.appArmorProfile`, context.appArmorProfile, 'AppArmor'));
  return faults;
}

function checkIds(
  path: string,
  ids: { runAsUser?: number | undefined; runAsGroup?: number | undefined },
): FieldError[] {
  return (['runAsUser', 'runAsGroup'] as const).flatMap((name) => {
    const id = ids[name];
    return id === undefined ? [] : between(`${path}.${name}`, id, 0, maxId);
  });
}

const sysctlName = /^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[./])*[a-z0-9*]([-_a-z0-9*]*[a-z0-9*])?$/;

function checkSysctls(path: string, spec: PodSpec): FieldError[] {
  const seen = new Set<string>();
  return (spec.securityContext?.sysctls ?? []).flatMap(({ name }, i) => {
    const at = `${path}[${i}].name`;
    if (!name) return [required(at)];
    if (name.length > 253 || !sysctlName.test(name)) {
      return [
        invalid(
          at,
          name,
          'must have at most 253 characters and match regex ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$',
        ),
      ];
    }
    if (seen.has(name)) return [duplicate(at, name)];
    seen.add(name);
    if (spec.hostNetwork && name.startsWith('net.'))
      return [invalid(at, name, "may not be specified when 'hostNetwork' is true")];
    if (spec.hostIPC && /^(kernel\.(shm|msg|sem)|fs\.mqueue\.)/.test(name)) {
      return [invalid(at, name, "may not be specified when 'hostIPC' is true")];
    }
    return [];
  });
}

function checkProfile(path: string, profile: SeccompProfile | AppArmorProfile | undefined, what: string): FieldError[] {
  if (!profile) return [];
  const { type, localhostProfile } = profile;
  const types = ['Localhost', 'RuntimeDefault', 'Unconfined'];
  if (!type) return [required(`${path}.type`, `type is required when ${path.slice(path.lastIndexOf('.') + 1)} is set`)];
  if (!types.includes(type)) return [notSupported(`${path}.type`, type, types)];
  const at = `${path}.localhostProfile`;
  if (type === 'Localhost') {
    return localhostProfile
      ? withoutBackSteps(at, localhostProfile)
      : [required(at, `must be set when ${what} type is Localhost`)];
  }
  return localhostProfile === undefined
    ? []
    : [invalid(at, localhostProfile, `can only be set when ${what} type is Localhost`)];
}
