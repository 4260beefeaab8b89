/** Level baseline: what is known to raise a pod's privileges. Each check as upstream's of the same id. */
import type { PodSpec, SecurityContext } from '#lib/kinds/gen/core-v1.ts';
import { goQuote } from '#lib/meta/go-text.ts';
import type { Check } from './check.ts';
import { containers, containersOf, distinct, namesWhere, plural, quoted, setters, use } from './words.ts';

const plainCapabilities: ReadonlySet<string> = new Set([
  'AUDIT_WRITE',
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'KILL',
  'MKNOD',
  'NET_BIND_SERVICE',
  'SETFCAP',
  'SETGID',
  'SETPCAP',
  'SETUID',
  'SYS_CHROOT',
]);

/** Kernel settings that stay within the pod -> the minor version from which they are allowed. */
const safeSysctls: Readonly<Record<string, number>> = {
  'kernel.shm_rmid_forced': 0,
  'net.ipv4.ip_local_port_range': 0,
  'net.ipv4.tcp_syncookies': 0,
  'net.ipv4.ping_group_range': 0,
  'net.ipv4.ip_unprivileged_port_start': 0,
  'net.ipv4.ip_local_reserved_ports': 27,
  'net.ipv4.tcp_keepalive_time': 29,
  'net.ipv4.tcp_fin_timeout': 29,
  'net.ipv4.tcp_keepalive_intvl': 29,
  'net.ipv4.tcp_keepalive_probes': 29,
  'net.ipv4.tcp_rmem': 32,
  'net.ipv4.tcp_wmem': 32,
};

/** SELinux types, likewise. */
const safeTypes: Readonly<Record<string, number>> = {
  '': 0,
  container_t: 0,
  container_init_t: 0,
  container_kvm_t: 0,
  container_engine_t: 31,
};

/** Whether a value is among those allowed as of a minor version. */
function isSafe(safe: Readonly<Record<string, number>>, value: string, minor: number): boolean {
  return Object.hasOwn(safe, value) && safe[value]! <= minor;
}

const appArmorPrefix = 'container.apparmor.security.beta.kubernetes.io/';

export const profileTypes: readonly (string | undefined)[] = ['RuntimeDefault', 'Localhost'];

/** A field of the security context, of the pod and of each container that sets it. */
function contextsOf(spec: PodSpec): { pod: SecurityContext; each: { name: string; context: SecurityContext }[] } {
  const each = containersOf(spec).map(({ name, securityContext }) => ({ name, context: securityContext ?? {} }));
  return { pod: spec.securityContext ?? {}, each };
}

/** Who sets a value that is not allowed, and which values those are. Undefined and null count as unset. */
export function badSetters(
  spec: PodSpec,
  read: (context: SecurityContext) => string | undefined,
  isAllowed: (value: string) => boolean,
): { who: string[]; values: string[] } {
  const { pod, each } = contextsOf(spec);
  const isBad = (context: SecurityContext) => {
    const value = read(context);
    return value !== undefined && !isAllowed(value);
  };
  const bad = each.filter(({ context }) => isBad(context));
  const podIsBad = isBad(pod);
  const found = [...(podIsBad ? [pod] : []), ...bad.map(({ context }) => context)];
  const names = bad.map(({ name }) => name);
  return { who: setters(podIsBad, names), values: distinct(found.map((context) => read(context)!)) };
}

const appArmorProfile: Check = {
  id: 'appArmorProfile',
  since: 0,
  find({ spec, annotations = {} }) {
    const { who, values } = badSetters(
      spec,
      ({ appArmorProfile: profile }) => profile?.type,
      (type) => profileTypes.includes(type),
    );
    const bad = Object.entries(annotations)
      .filter(([key, value]) => key.startsWith(appArmorPrefix) && !isPlainProfile(value))
      .map(([key, value]) => `${key}=${goQuote(value)}`)
      .sort();
    if (bad.length > 0) who.push(plural('annotation', bad));
    if (who.length === 0) return undefined;
    const all = [...values, ...bad];
    return {
      reason: plural('forbidden AppArmor profile', all),
      detail: `${who.join(' and ')} must not set AppArmor profile type to ${quoted(all)}`,
    };
  },
};

function isPlainProfile(value: string): boolean {
  return value === '' || value === 'runtime/default' || value.startsWith('localhost/');
}

const capabilities: Check = {
  id: 'capabilities_baseline',
  since: 0,
  find({ spec }) {
    const added = (context: SecurityContext | undefined) =>
      (context?.capabilities?.add ?? []).filter((name) => !plainCapabilities.has(name));
    const names = namesWhere(spec, ({ securityContext }) => added(securityContext).length > 0);
    if (names.length === 0) return undefined;
    const values = distinct(containersOf(spec).flatMap(({ securityContext }) => added(securityContext)));
    return {
      reason: 'non-default capabilities',
      detail: `${containers(names)} must not include ${quoted(values)} in securityContext.capabilities.add`,
    };
  },
};

const hostNamespaces: Check = {
  id: 'hostNamespaces',
  since: 0,
  find({ spec }) {
    const shared = (['hostNetwork', 'hostPID', 'hostIPC'] as const).filter((field) => spec[field] === true);
    if (shared.length === 0) return undefined;
    return { reason: 'host namespaces', detail: shared.map((field) => `${field}=true`).join(', ') };
  },
};

const hostPathVolumes: Check = {
  id: 'hostPathVolumes',
  since: 0,
  find({ spec }) {
    const names = (spec.volumes ?? []).filter(({ hostPath }) => hostPath).map(({ name }) => name);
    if (names.length === 0) return undefined;
    return { reason: 'hostPath volumes', detail: `${plural('volume', names)} ${quoted(names)}` };
  },
};

const hostPorts: Check = {
  id: 'hostPorts',
  since: 0,
  find({ spec }) {
    const names = namesWhere(spec, ({ ports = [] }) => ports.some(({ hostPort }) => hostPort));
    if (names.length === 0) return undefined;
    const used = containersOf(spec).flatMap(({ ports = [] }) => ports.flatMap(({ hostPort }) => hostPort || []));
    const ports = distinct(used.map(String));
    return {
      reason: 'hostPort',
      detail: `${containers(names)} ${use(names)} ${plural('hostPort', ports)} ${ports.join(', ')}`,
    };
  },
};

const privileged: Check = {
  id: 'privileged',
  since: 0,
  find({ spec }) {
    const names = namesWhere(spec, ({ securityContext }) => securityContext?.privileged === true);
    if (names.length === 0) return undefined;
    return { reason: 'privileged', detail: `${containers(names)} must not set securityContext.privileged=true` };
  },
};

const procMount: Check = {
  id: 'procMount',
  since: 0,
  find({ spec }) {
    const isBad = (context: SecurityContext | undefined) => (context?.procMount ?? 'Default') !== 'Default';
    const names = namesWhere(spec, ({ securityContext }) => isBad(securityContext));
    if (names.length === 0) return undefined;
    const bad = containersOf(spec).filter(({ securityContext }) => isBad(securityContext));
    const values = distinct(bad.map(({ securityContext }) => securityContext!.procMount!));
    return {
      reason: 'procMount',
      detail: `${containers(names)} must not set securityContext.procMount to ${quoted(values)}`,
    };
  },
};

const seLinuxOptions: Check = {
  id: 'seLinuxOptions',
  since: 0,
  find({ spec }, minor) {
    const isBadType = (type: string) => !isSafe(safeTypes, type, minor);
    const isBad = ({ seLinuxOptions: options }: SecurityContext) =>
      options !== undefined && (isBadType(options.type ?? '') || Boolean(options.user) || Boolean(options.role));
    const { pod, each } = contextsOf(spec);
    const bad = each.filter(({ context }) => isBad(context));
    const names = bad.map(({ name }) => name);
    const who = setters(isBad(pod), names);
    if (who.length === 0) return undefined;
    const options = [...(isBad(pod) ? [pod] : []), ...bad.map(({ context }) => context)].map(
      ({ seLinuxOptions: own }) => own!,
    );
    const types = distinct(options.map(({ type = '' }) => type).filter(isBadType));
    const what = [
      ...(types.length > 0 ? [`${plural('type', types)} ${quoted(types)}`] : []),
      ...(options.some(({ user }) => user) ? ['user may not be set'] : []),
      ...(options.some(({ role }) => role) ? ['role may not be set'] : []),
    ];
    return {
      reason: 'seLinuxOptions',
      detail: `${who.join(' and ')} set forbidden securityContext.seLinuxOptions: ${what.join('; ')}`,
    };
  },
};

const seccompProfile: Check = {
  id: 'seccompProfile_baseline',
  since: 0,
  find({ spec }) {
    const { who, values } = badSetters(
      spec,
      ({ seccompProfile: profile }) => profile?.type,
      (type) => profileTypes.includes(type),
    );
    if (who.length === 0) return undefined;
    return {
      reason: 'seccompProfile',
      detail: `${who.join(' and ')} must not set securityContext.seccompProfile.type to ${quoted(values)}`,
    };
  },
};

const sysctls: Check = {
  id: 'sysctls',
  since: 0,
  find({ spec }, minor) {
    const names = (spec.securityContext?.sysctls ?? []).map(({ name }) => name);
    const bad = names.filter((name) => !isSafe(safeSysctls, name, minor));
    return bad.length > 0 ? { reason: 'forbidden sysctls', detail: bad.join(', ') } : undefined;
  },
};

const windowsHostProcess: Check = {
  id: 'windowsHostProcess',
  since: 0,
  find({ spec }) {
    const { pod, each } = contextsOf(spec);
    const isBad = (context: SecurityContext) => context.windowsOptions?.hostProcess === true;
    const names = each.filter(({ context }) => isBad(context)).map(({ name }) => name);
    const who = setters(isBad(pod), names);
    if (who.length === 0) return undefined;
    return {
      reason: 'hostProcess',
      detail: `${who.join(' and ')} must not set securityContext.windowsOptions.hostProcess=true`,
    };
  },
};

/** In the order of their ids. */
export const baselineChecks: readonly Check[] = [
  appArmorProfile,
  capabilities,
  hostNamespaces,
  hostPathVolumes,
  hostPorts,
  privileged,
  procMount,
  seLinuxOptions,
  seccompProfile,
  sysctls,
  windowsHostProcess,
];
