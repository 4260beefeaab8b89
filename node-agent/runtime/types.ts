/**
 * A wall around pods. `runtime/oci` builds it of namespaces and cgroups, `runtime/microvm` of a virtual machine; `runtimeClassName` picks. Both
 * keep their truth on disk and in the kernel, so that an agent that starts again finds everything by list(). All verbs are
 * idempotent: doing twice is doing once.
 */
import type { Duplex } from 'node:stream';
import type { ResourceRequirements } from '#lib/kinds/gen/core-v1.ts';
import type { IoLimits } from '#lib/kinds/pod-spec/io-limits.ts';
import type { UnpackedImage } from '../images/types.ts';
import type { UserIds } from './user-ids.ts';

/** What all containers of a pod share. */
export interface SandboxSpec {
  uid: string;
  namespace: string;
  name: string;
  hostname: string;
  /** Absent from the UTS namespace when ''. */
  domainname: string;
  hostNetwork: boolean;
  hostPid: boolean;
  hostIpc: boolean;
  shareProcessNamespace: boolean;
  /** False for a pod with users of its own, whose root is nobody on the node; it shares no other namespace of the node's then. */
  hostUsers: boolean;
  sysctls: Record<string, string>;
  /** Contents of /etc/resolv.conf; the runtime makes the file once per pod. */
  resolvConf: string;
  /** Contents of /etc/hosts; unless the pod is on the node's network, the runtime adds the line of its own address once that is known. */
  hosts: string;
  qos: 'Guaranteed' | 'Burstable' | 'BestEffort';
  /** Limits of the pod's cgroup as a whole. */
  resources: CgroupResources;
  ports: { hostPort: number; containerPort: number; protocol: 'TCP' | 'UDP' | 'SCTP'; hostIP: string }[];
}

export interface CgroupResources {
  cpuShares?: number;
  /** Of a pod: the thousandths of a processor it asks for. Written nowhere, but its class weighs what all its pods ask for. */
  cpuMillis?: number;
  /** Microseconds in each `cpuPeriod`. */
  cpuQuota?: number;
  cpuPeriod?: number;
  memoryLimitBytes?: number;
  /** What the kernel takes back last when memory runs short, where it can tell (cgroup v2). */
  memoryLowBytes?: number;
  /** From here on the kernel slows down who wants more, where it can (cgroup v2). */
  memoryHighBytes?: number;
  /** Of a container: how much of it may be swapped out; none when absent. */
  swapLimitBytes?: number;
  /** Bytes of huge pages by their size, as `2Mi`. A pod and its containers get none of sizes that are not named. */
  hugePages?: Readonly<Record<string, number>>;
  io?: IoLimits;
  pidsLimit?: number;
  /** The processors to run on, as `0-3,7`; all when absent. */
  cpus?: string;
}

export interface Mount {
  /** A path on the node. */
  source: string;
  /** A path in the container. */
  target: string;
  readOnly: boolean;
  /** Of a read-only mount: so is all that is mounted below it on the node (Linux 5.12 and later). */
  recursive?: boolean;
  /** It is the files of an image: owners are shown as they are, and nothing there is executed. */
  image?: boolean;
  propagation: 'private' | 'rslave' | 'rshared';
  /** `source` is a block device, which the container finds at `target` and may use. */
  device?: boolean;
  /** It is mounted by these words of the OCI specification, whatever the others say. */
  as?: { type: string; options: readonly string[] };
}

/** A device of the node, or a folder of them, and where the container finds it. */
export interface GivenNode {
  source: string;
  target: string;
  /** Some of `r`, `w` and `m`. */
  access: string;
  /** One device, which is like this in the container, its owner's ids the container's; what is not said is as on the node, its owner the container's user. */
  as?: {
    type?: 'b' | 'c' | 'p';
    major?: number;
    minor?: number;
    fileMode?: number;
    uid?: number;
    gid?: number;
  };
}

/** A program of the node's, run by the OCI runtime. */
export interface OciHook {
  path: string;
  args?: readonly string[];
  env?: readonly string[];
  /** Seconds. */
  timeout?: number;
}

export type HookName = 'prestart' | 'createRuntime' | 'createContainer' | 'startContainer' | 'poststart' | 'poststop';

export interface ContainerSpec {
  pod: { uid: string; namespace: string; name: string };
  name: string;
  /** Counts the container's runs in this pod from 0: part of its identity, and of its log file's name. */
  attempt: number;
  image: UnpackedImage;
  /** Complete: expansion and image defaults are done. */
  args: string[];
  /** `NAME=value`, complete. */
  env: string[];
  workingDir: string;
  /** `uid`, `uid:gid`, `name` or `name:group`, looked up in the image's /etc/passwd. */
  user: string;
  /** Overrides the group that `user` gives. */
  runAsGroup?: number;
  supplementalGroups: number[];
  /** Without the groups that the image's /etc/group lists the user in. */
  strictGroups?: boolean;
  /** Refuse to start as uid 0. */
  runAsNonRoot: boolean;
  /** The container of the pod, by its name, whose processes this one is among; its own when absent. */
  processesOf?: string;
  tty: boolean;
  stdin: boolean;
  stdinOnce: boolean;
  mounts: Mount[];
  devices?: GivenNode[];
  /** Run in the container's life, in the order they are listed. */
  hooks?: Partial<Record<HookName, OciHook[]>>;
  /** For the runtime. */
  annotations?: Readonly<Record<string, string>>;
  resources: CgroupResources;
  /** What `resources` were computed from: kept with the run, and told again with it. */
  asked?: ResourceRequirements;
  oomScoreAdj: number;
  /** Size of the writable layer; absent for no limit. */
  ephemeralStorageBytes?: number;
  security: {
    privileged: boolean;
    allowPrivilegeEscalation: boolean;
    readOnlyRootFilesystem: boolean;
    capabilitiesAdd: string[];
    capabilitiesDrop: string[];
    /** 'RuntimeDefault', 'Unconfined', or the path of a profile. */
    seccomp: string;
    procMount: 'Default' | 'Unmasked';
  };
  /** Where the container finds the file for its last words, and how many bytes of it count (4096). */
  terminationMessagePath: string;
  /** Full path of the CRI log file: /var/log/pods/<ns>_<pod>_<uid>/<container>/<attempt>.log. */
  logPath: string;
}

export type ContainerState = 'created' | 'running' | 'exited';

export interface ObservedContainer {
  /** 64 hex digits. */
  id: string;
  name: string;
  attempt: number;
  state: ContainerState;
  /** The image as the pod named it, and the digest of its config. */
  image: string;
  imageId: string;
  /** The image's name by its digest in the registry it came from. */
  imageDigest?: string;
  pid?: number;
  /** Milliseconds since the epoch. */
  createdAt: number;
  startedAt?: number;
  finishedAt?: number;
  /** Of exited containers: 128 + signal for a killed one. */
  exitCode?: number;
  oomKilled?: boolean;
  /** What the termination message file held, as it is. */
  message?: string;
  logPath: string;
  /** What it was last given resources for. */
  asked?: ResourceRequirements;
}

export interface ObservedPod {
  uid: string;
  namespace: string;
  name: string;
  /** Whether the sandbox stands complete, or parts of it are missing (after a crash or a reboot). */
  ready: boolean;
  createdAt: number;
  /** The pod's addresses; the node's for host network pods. */
  ips: string[];
  containers: ObservedContainer[];
  /** Limits of the pod's cgroup as a whole. */
  resources?: CgroupResources;
  /** Of a pod with users of its own: who they are on the node. No two pods of a node share one. */
  userIds?: UserIds;
}

/** Other limits for a pod that runs, and for some of its containers. */
export interface PodResize {
  pod: CgroupResources;
  containers: { id: string; resources: CgroupResources; asked: ResourceRequirements }[];
}

/** A container could not be made or started: upstream's reasons and sentences for the container's waiting state. */
export class StartError extends Error {
  override readonly name = 'StartError';
  readonly reason: 'CreateContainerConfigError' | 'CreateContainerError' | 'RunContainerError' | 'StartError';

  constructor(reason: StartError['reason'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}

/** What a runtime can do beyond the ordinary, on this machine. */
export interface RuntimeFeatures {
  /** Why pods cannot have users of their own (`hostUsers: false`); undefined when they can. */
  noUserNamespaces: string | undefined;
  /** Read-only mounts can be so with all that is mounted below. */
  recursiveReadOnly: boolean;
}

export interface Runtime {
  /** Everything of this runtime on the node, whole or half made; of one pod alone when its uid is given. */
  list(uid?: string): Promise<ObservedPod[]>;
  /** Makes the pod's cgroup, namespaces and network. Resolves to what stands. */
  preparePod(spec: SandboxSpec, signal: AbortSignal): Promise<ObservedPod>;
  /** Creates and starts one container. Rejects with StartError. */
  startContainer(spec: ContainerSpec, signal: AbortSignal): Promise<ObservedContainer>;
  /** Gives a pod and its running containers other limits while they run on; containers that do not run are passed over. Rejects when the kernel will not. */
  resizePod(uid: string, wanted: PodResize): Promise<ObservedPod>;
  /** SIGTERM (or the image's stop signal), then SIGKILL after `graceMs`; resolves when it has exited. 0 kills at once. */
  stopContainer(id: string, graceMs: number, signal: AbortSignal): Promise<void>;
  /** Removes an exited container's remains, except its log. */
  removeContainer(id: string): Promise<void>;
  /** Removes the sandbox, killing what still runs: address freed, mounts and cgroup gone. */
  removePod(uid: string): Promise<void>;
  /** Calls `listener` with the pod's uid whenever one of its containers has exited or its sandbox broke. Returns the way to stop. */
  onChange(listener: (podUid: string) => void): () => void;
}

/** A started command or attachment: byte streams both ways. */
export interface StreamSession {
  /** A promise asks the writer to wait for it before the next write. */
  write(data: Buffer): void | Promise<void>;
  closeStdin(): void;
  resize(width: number, height: number): void;
  /** Resolves with the exit code once all output has been delivered. */
  exited: Promise<number>;
  kill(): void;
}

/** Takes a session's output. A promise holds that stream back until it resolves. */
export interface StreamSink {
  stdout(data: Buffer): void | Promise<void>;
  stderr(data: Buffer): void | Promise<void>;
}

/** Capability: run a command in a running container with the container's own user, capabilities and limits. */
export interface Executor {
  exec(
    id: string,
    command: string[],
    options: { tty: boolean; stdin: boolean; env?: string[] },
    sink: StreamSink,
  ): Promise<StreamSession>;
  /** Runs to its end within `timeoutMs` and collects at most 64 KiB of output; for probes and hooks. Code 124 and `timedOut` past the limit. */
  execSync(
    id: string,
    command: string[],
    timeoutMs: number,
  ): Promise<{ exitCode: number; output: string; timedOut: boolean }>;
}

/** Capability: join a running container's own streams. */
export interface Attacher {
  attach(id: string, options: { tty: boolean; stdin: boolean }, sink: StreamSink): Promise<StreamSession>;
}

/** Capability: reach a port inside the pod, loopback included. */
export interface PortOpener {
  openPort(podUid: string, port: number): Promise<Duplex>;
}

/** What the processes of a cgroup use: bytes, and counts since it was made. */
export interface CgroupUsage {
  cpuNanoseconds: number;
  memoryBytes: number;
  /** Without what could be freed at once. */
  workingSetBytes: number;
  /** Anonymous memory; and what the kernel keeps of files. */
  rssBytes: number;
  cacheBytes: number;
  swapBytes: number;
  /** Absent when there is none. */
  memoryLimitBytes?: number;
  /** Of swap alone. */
  swapLimitBytes?: number;
  pageFaults: number;
  majorPageFaults: number;
  pids: number;
  /** Where there is a quota of processor time. */
  throttling?: { periods: number; throttledPeriods: number; throttledNanoseconds: number };
  /** Where the kernel tells, and of cgroup v2 only. */
  pressure?: Partial<Record<PressureResource, PressureUsage>>;
}

export const pressureResources = ['cpu', 'memory', 'io'] as const;
export type PressureResource = (typeof pressureResources)[number];

/** For how long some, and all, processes had to wait: microseconds, and per cent of the last 10, 60 and 300 seconds. */
export interface PressureUsage {
  some: PressureTime;
  full: PressureTime;
}

export interface PressureTime {
  total: number;
  avg10: number;
  avg60: number;
  avg300: number;
}

export interface ContainerUsage extends CgroupUsage {
  id: string;
  name: string;
}

/** Since the interface was made, as seen from where it is. */
export interface InterfaceUsage {
  name: string;
  rxBytes: number;
  rxPackets: number;
  rxErrors: number;
  rxDropped: number;
  txBytes: number;
  txPackets: number;
  txErrors: number;
  txDropped: number;
}

export interface PodUsage {
  /** The pod's cgroup, from the root of the hierarchy; its containers' are right below, by their ids. */
  cgroup: string;
  whole: CgroupUsage;
  /** Those that run. */
  containers: ContainerUsage[];
  /** The pod's own, without the loopback; none when it is on the node's network, or nothing of it runs. */
  interfaces: InterfaceUsage[];
}

/** Capability: what containers and pods use. */
export interface StatsReader {
  stats(podUid: string): Promise<ContainerUsage[]>;
  /** Undefined for a pod that is not there. */
  podUsage(podUid: string): Promise<PodUsage | undefined>;
  /** What all pods of the node use together. */
  podsUsage(): Promise<Omit<PodUsage, 'containers' | 'interfaces'>>;
}

/** The writable layer of one run of a container. */
export interface Layer {
  id: string;
  name: string;
  /** A folder on the node; what the run wrote is in it. */
  folder: string;
}

/** Capability: where what containers write lies. */
export interface LayerLister {
  /** The layers of a pod's runs that are not removed yet. */
  layers(podUid: string): Promise<Layer[]>;
}

/** Capability: limit what all pods of the node may use together. */
export interface PodsLimiter {
  /** Rejects when the pods use more now. */
  limitPods(resources: CgroupResources): Promise<void>;
  /** What they use of memory, without what could be freed at once. */
  podsWorkingSet(): Promise<number>;
  /** Calls `listener` when they come up against their limit of memory, where the kernel tells (cgroup v2). Resolves to the way to stop. */
  onPodsShort(listener: () => void): Promise<() => void>;
}

/** Capability: say which processors containers run on. */
export interface CpuPinner {
  /** Moves all that runs to where `cpusOf` says, by the pod's uid and the container's name. */
  pin(cpusOf: (uid: string, container: string) => string): Promise<void>;
}

/** Capability: begin a container's log file anew after it was renamed; for rotation. */
export interface LogReopener {
  reopenLog(id: string): Promise<void>;
}
