/** Renders the OCI specification of a container: what Docker and containerd would, by their defaults. */
import type { IoLimits } from '#lib/kinds/pod-spec/io-limits.ts';
import { hugePageName } from '../huge-page-name.ts';
import type { ContainerSpec, Mount, SandboxSpec } from '../types.ts';
import type { UserIds } from '../user-ids.ts';
import type { CgroupDialect } from './cgroup-writes.ts';
import { hugePageFile } from './cgroup-writes.ts';
import type { HostFacts } from './host.ts';
import { blockIo, weightText } from './io.ts';
import { containerMounts } from './mounts.ts';
import type { PodPaths, Submount } from './mounts.ts';
import type { GivenDevice } from './devices.ts';
import type { OciDevice, OciNamespace, OciProcess, OciSpec } from './oci-types.ts';
import type { SeccompProfile } from './seccomp-default.ts';
import { programAnnotation } from './seccomp-programs.ts';
import { userMappings, userNamespace } from './user-namespace.ts';
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
  dialect: CgroupDialect;
  /** With devices by their numbers. */
  io: IoLimits;
  /** The node's devices, for privileged containers. */
  hostDevices: OciDevice[];
  /** Those of volumes and of device plug-ins, and what may be done with them. */
  givenDevices: readonly GivenDevice[];
  /** The namespace file of the container whose processes this one is among. */
  processesOf?: string | undefined;
  /** The container's cgroup below each hierarchy. */
  cgroup: string;
  /** As seen from the bundle: a user of the pod's own could not come there from the node's root. */
  rootfs: string;
  paths: PodPaths;
  /** Of a pod with users of its own: which of the node's ids are theirs, and what is mounted below the sources of its mounts. */
  userIds?: UserIds | undefined;
  submounts?: readonly Submount[] | undefined;
  /** The block devices of volumes as files of the pod's root's: those of the node's none of its users may open. */
  nodes?: readonly Mount[] | undefined;
  terminationFile: string;
  honestFolder?: string | undefined;
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
  const given = inputs.givenDevices.map(({ device }) => device);
  const taken = new Set(given.map((device) => device.path));
  const made = inputs.nodes ? [] : given;
  const devices = [...inputs.hostDevices.filter((device) => !taken.has(device.path)), ...made];
  const annotations = {
    ...container.annotations,
    ...(inputs.seccompProgram !== undefined && { [programAnnotation]: inputs.seccompProgram }),
  };
  return {
    ociVersion: '1.0.0',
    process: renderProcess(inputs),
    root: { path: inputs.rootfs, readonly: container.security.readOnlyRootFilesystem },
    mounts: containerMounts(inputs),
    ...(Object.keys(annotations).length > 0 && { annotations }),
    ...(container.hooks && { hooks: container.hooks }),
    linux: {
      namespaces: namespaces(inputs),
      ...userMappings(inputs.userIds),
      cgroupsPath: inputs.cgroup,
      ...(propagation !== undefined && { rootfsPropagation: propagation }),
      ...(!shown && { maskedPaths, readonlyPaths }),
      ...(devices.length > 0 && { devices }),
      ...(inputs.seccomp && { seccomp: inputs.seccomp }),
      resources: {
        // What every container needs (null, zero, ptmx and their like) the runtime allows by itself.
        devices: [
          // Through a volume a pod's root might come upon a node that the machine's root owns, which it then owns too.
          { allow: privileged && !inputs.userIds, access: 'rwm' },
          ...(inputs.userIds ? inputs.hostDevices.map((device) => allowed(device, 'rwm')) : []),
          ...inputs.givenDevices
            .filter(({ device, access }) => device.type !== 'p' && access !== '')
            .map(({ device, access }) => allowed(device, access)),
        ],
        ...limits(inputs),
        ...(host.cgroup === 'v2' && { unified: unified(inputs) }),
      },
    },
  };
}

function allowed({ type, major, minor }: OciDevice, access: string): OciSpec['linux']['resources']['devices'][number] {
  return { allow: true, access, type, major, minor };
}

/** Files of cgroup v2 that the specification has no words for. */
function unified({ container, host, dialect, io }: SpecInputs): Record<string, string> {
  const { memoryLowBytes, memoryHighBytes, swapLimitBytes = 0 } = container.resources;
  return {
    // As upstream: when one process of a container runs out of memory, all of it ends.
    'memory.oom.group': '1',
    // Containers without a limit of memory have one of swap, too.
    ...(host.swapAccounting && { 'memory.swap.max': String(swapLimitBytes) }),
    ...(memoryLowBytes && { [dialect.keepsMemory ? 'memory.min' : 'memory.low']: String(memoryLowBytes) }),
    ...(memoryHighBytes && { 'memory.high': String(memoryHighBytes) }),
    ...(dialect.ioWeight && io.weight !== undefined && { [dialect.ioWeight]: weightText(io.weight, dialect.ioWeight) }),
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
function namespaces({ pod, host, paths, processesOf, userIds }: SpecInputs): OciNamespace[] {
  const list: OciNamespace[] = [{ type: 'mount' }];
  if (!pod.hostNetwork) list.push({ type: 'network', path: `${paths.pins}/net` });
  if (!pod.hostIpc) list.push({ type: 'ipc', path: `${paths.pins}/ipc` });
  list.push({ type: 'uts', path: `${paths.pins}/uts` });
  if (pod.shareProcessNamespace) list.push({ type: 'pid', path: `${paths.pins}/pid` });
  else if (!pod.hostPid) list.push({ type: 'pid', ...(processesOf !== undefined && { path: processesOf }) });
  if (host.cgroup === 'v2') list.push({ type: 'cgroup' });
  return [...list, ...userNamespace(paths.pins, userIds)];
}

/** A mount that follows the node's needs a root that does too. */
function rootfsPropagation({ mounts }: ContainerSpec): string | undefined {
  if (mounts.some(({ propagation }) => propagation === 'rshared')) return 'rshared';
  return mounts.some(({ propagation }) => propagation === 'rslave') ? 'rslave' : undefined;
}

function limits({ container, host, dialect, io }: SpecInputs): Omit<OciSpec['linux']['resources'], 'devices'> {
  const { cpuShares, cpuQuota, cpuPeriod, memoryLimitBytes, swapLimitBytes = 0 } = container.resources;
  const { pidsLimit, cpus, hugePages } = container.resources;
  const cpu = {
    ...(cpuShares !== undefined && { shares: cpuShares }),
    ...(cpuQuota !== undefined && { quota: cpuQuota }),
    ...(cpuPeriod !== undefined && { period: cpuPeriod }),
    ...(cpus !== undefined && { cpus }),
  };
  const boundsSwap = host.swapAccounting && host.cgroup !== 'v2';
  return {
    ...(Object.keys(cpu).length > 0 && { cpu }),
    // v1 holds memory and swap together to one limit.
    ...(memoryLimitBytes !== undefined && {
      memory: { limit: memoryLimitBytes, ...(boundsSwap && { swap: memoryLimitBytes + swapLimitBytes }) },
    }),
    ...(pidsLimit !== undefined && { pids: { limit: pidsLimit } }),
    ...(dialect.hugePageBytes.length > 0 && {
      hugepageLimits: dialect.hugePageBytes.map((bytes) => ({
        pageSize: hugePageFile(bytes).replace('hugetlb.', ''),
        limit: hugePages?.[hugePageName(bytes)] ?? 0,
      })),
    }),
    ...(io.devices.length > 0 && { blockIO: blockIo(io) }),
  };
}
