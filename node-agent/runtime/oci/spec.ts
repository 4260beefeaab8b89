/** Renders the OCI specification of a container: what Docker and containerd would, by their defaults. */
import type { ContainerSpec, SandboxSpec } from '../types.ts';
import type { HostFacts } from './host.ts';
import { containerMounts } from './mounts.ts';
import type { PodPaths } from './mounts.ts';
import type { OciDevice, OciNamespace, OciProcess, OciSpec } from './oci-types.ts';
import type { SeccompProfile } from './seccomp-default.ts';
import { programAnnotation } from './seccomp-programs.ts';
import type { ContainerUser } from './users.ts';

export interface SpecInputs {
  pod: SandboxSpec;
  container: ContainerSpec;
  user: ContainerUser;
  /** `CAP_...`. */
  capabilities: string[];
  seccomp: SeccompProfile | undefined;
  /** The profile's program where it is known. */
  seccompProgram: string | undefined;
  host: Pick<HostFacts, 'cgroup' | 'swapAccounting' | 'leastOomScoreAdj'>;
  /** The node's devices, for privileged containers. */
  hostDevices: OciDevice[];
  /** Those of volumes. */
  volumeDevices: { device: OciDevice; readOnly: boolean }[];
  /** The namespace file of the container whose processes this one is among. */
  processesOf?: string | undefined;
  /** The container's cgroup below each hierarchy. */
  cgroup: string;
  rootfs: string;
  paths: PodPaths;
  terminationFile: string;
}

const maskedPaths = [
  '/proc/acpi',
  '/proc/asound',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/sys/devices/virtual/powercap',
  '/sys/firmware',
];
const readonlyPaths = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'];
const defaultPath = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export function renderSpec(inputs: SpecInputs): OciSpec {
  const { container, host } = inputs;
  const { privileged, procMount } = container.security;
  const shown = privileged || procMount === 'Unmasked';
  const propagation = rootfsPropagation(container);
  const devices = [...inputs.hostDevices, ...inputs.volumeDevices.map(({ device }) => device)];
  return {
    ociVersion: '1.0.0',
    process: renderProcess(inputs),
    root: { path: inputs.rootfs, readonly: container.security.readOnlyRootFilesystem },
    mounts: containerMounts(inputs),
    ...(inputs.seccompProgram !== undefined && { annotations: { [programAnnotation]: inputs.seccompProgram } }),
    linux: {
      namespaces: namespaces(inputs),
      cgroupsPath: inputs.cgroup,
      ...(propagation !== undefined && { rootfsPropagation: propagation }),
      ...(!shown && { maskedPaths, readonlyPaths }),
      ...(devices.length > 0 && { devices }),
      ...(inputs.seccomp && { seccomp: inputs.seccomp }),
      resources: {
        // What every container needs (null, zero, ptmx and their like) the runtime allows by itself.
        devices: [
          { allow: privileged, access: 'rwm' },
          ...inputs.volumeDevices.map(({ device: { type, major, minor }, readOnly }) => ({
            allow: true,
            access: readOnly ? 'r' : 'rwm',
            type,
            major,
            minor,
          })),
        ],
        ...limits(container.resources, host),
        // As upstream: when one process of a container runs out of memory, all of it ends.
        ...(host.cgroup === 'v2' && {
          unified: {
            'memory.oom.group': '1',
            // Containers do not swap, those without a limit of memory either.
            ...(host.swapAccounting && { 'memory.swap.max': '0' }),
            ...(container.resources.memoryLowBytes && { 'memory.low': String(container.resources.memoryLowBytes) }),
          },
        }),
      },
    },
  };
}

function renderProcess({ pod, container, user, capabilities, host }: SpecInputs): OciProcess {
  const has = (name: string) => container.env.some((line) => line.startsWith(`${name}=`));
  return {
    terminal: container.tty,
    user: { uid: user.uid, gid: user.gid, additionalGids: user.additionalGids },
    args: container.args,
    env: [
      ...(has('PATH') ? [] : [defaultPath]),
      ...(has('HOSTNAME') ? [] : [`HOSTNAME=${pod.hostname}`]),
      ...(container.tty && !has('TERM') ? ['TERM=xterm'] : []),
      ...container.env,
    ],
    cwd: container.workingDir || '/',
    // Nothing inheritable or ambient: a user other than root gets capabilities only from files that grant them.
    capabilities: {
      bounding: capabilities,
      effective: capabilities,
      permitted: capabilities,
      inheritable: [],
      ambient: [],
    },
    noNewPrivileges: !container.security.allowPrivilegeEscalation,
    oomScoreAdj: Math.max(container.oomScoreAdj, host.leastOomScoreAdj),
  };
}

/** The pod's namespaces are joined by their pinned files; those of the node are joined by not being named. */
function namespaces({ pod, host, paths, processesOf }: SpecInputs): OciNamespace[] {
  const list: OciNamespace[] = [{ type: 'mount' }];
  if (!pod.hostNetwork) list.push({ type: 'network', path: `${paths.pins}/net` });
  if (!pod.hostIpc) list.push({ type: 'ipc', path: `${paths.pins}/ipc` });
  list.push({ type: 'uts', path: `${paths.pins}/uts` });
  if (pod.shareProcessNamespace) list.push({ type: 'pid', path: `${paths.pins}/pid` });
  else if (!pod.hostPid) list.push({ type: 'pid', ...(processesOf !== undefined && { path: processesOf }) });
  if (host.cgroup === 'v2') list.push({ type: 'cgroup' });
  return list;
}

/** A mount that follows the node's needs a root that does too. */
function rootfsPropagation({ mounts }: ContainerSpec): string | undefined {
  if (mounts.some(({ propagation }) => propagation === 'rshared')) return 'rshared';
  return mounts.some(({ propagation }) => propagation === 'rslave') ? 'rslave' : undefined;
}

function limits(
  resources: ContainerSpec['resources'],
  { cgroup, swapAccounting }: Pick<HostFacts, 'cgroup' | 'swapAccounting'>,
): Omit<OciSpec['linux']['resources'], 'devices'> {
  const { cpuShares, cpuQuota, cpuPeriod, memoryLimitBytes, pidsLimit, cpus } = resources;
  const cpu = {
    ...(cpuShares !== undefined && { shares: cpuShares }),
    ...(cpuQuota !== undefined && { quota: cpuQuota }),
    ...(cpuPeriod !== undefined && { period: cpuPeriod }),
    ...(cpus !== undefined && { cpus }),
  };
  return {
    ...(Object.keys(cpu).length > 0 && { cpu }),
    // Memory and swap together are held to the same limit: containers do not swap.
    ...(memoryLimitBytes !== undefined && {
      memory: { limit: memoryLimitBytes, ...(swapAccounting && cgroup !== 'v2' && { swap: memoryLimitBytes }) },
    }),
    ...(pidsLimit !== undefined && { pids: { limit: pidsLimit } }),
  };
}
