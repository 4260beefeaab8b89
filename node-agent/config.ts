/** What the node agent is told when it starts. */
import type { ClientConfig } from '#lib/client/connect.ts';
import type { EvictionConfig } from './eviction/settings.ts';
import type { Reservation } from './node/allocatable.ts';
import type { IdPool } from './runtime/user-ids.ts';

export interface NodeAgentConfig {
  nodeName: string;
  /** The node's address, which other nodes and the API server reach. */
  address: string;
  /** Where the API is. */
  server: ClientConfig;
  /** Where the API server reaches this agent; port 0 for any. */
  listen: { host: string; port: number };
  /** The agent's own certificate, and the CA of those who may call. PEM files. */
  tls: { caFile: string; certFile: string; keyFile: string };
  /** Outlives the machine's restarts. Users put `registries.yaml` and `config.json` there: mirrors of registries, and logins; and tars of images into
   * `images`, from where they are taken in. */
  stateDir: string;
  /** Gone after a restart of the machine; not readable by others. */
  runDir: string;
  /** Container logs, as `<namespace>_<pod>_<uid>/<container>/<attempt>.log`: /var/log/pods, where log shippers look for them. */
  logDir: string;
  /** Links to them by the containers' ids: /var/log/containers. None are made when absent. */
  containerLogDir?: string;
  /** All logs that readers of the node's may have, those two among them: /var/log when absent. */
  nodeLogDir?: string;
  imageDir: string;
  /** Where device plug-ins and readers of pod resources look for a kubelet's sockets: /var/lib/kubelet, as upstream, when absent. */
  kubeletDir?: string;
  /** Name of the cgroup below which pods have theirs. */
  cgroupRoot: string;
  clusterDns: string;
  clusterDomain: string;
  clusterCidr: string;
  bridge?: string;
  /** The range of this node's pods; what the API assigns when absent. */
  podCidr?: string;
  labels?: Record<string, string>;
  maxPods?: number;
  /** Kept back from pods, for what runs them and for the rest of the machine. */
  kubeReserved?: Reservation;
  systemReserved?: Reservation;
  /**
   * `static` gives each container of a guaranteed pod that asks for whole processors some for itself, and needs processors kept back; by default, `none`, all
   * share all, within their limits.
   */
  cpuManagerPolicy?: 'none' | 'static';
  /** Processors that no container gets for itself, as `0-1`; as many as the reservations come to when absent. */
  reservedCpus?: string;
  /** How many processes and threads a pod may have that comes from now on; as many as the node when absent. */
  podPidsLimit?: number;
  /**
   * Whether pods may be swapped out, where the machine has swap: `NoSwap`, by default, or `LimitedSwap`, which lets containers of burstable pods have as much of
   * the swap as they ask for of the memory.
   */
  memorySwap?: { swapBehavior?: 'NoSwap' | 'LimitedSwap' };
  /**
   * Upstream's feature of this name, off by default, which needs cgroup v2: what pods ask for of memory is never taken back from them, and containers
   * are slowed down before they reach their limit, from `memoryThrottlingFactor` (0.9) of the way from what they ask for on.
   */
  memoryQoS?: boolean;
  memoryThrottlingFactor?: number;
  /** Whether containers see their own limits in /proc/meminfo, /proc/cpuinfo and the like, by lxcfs (Debian's package of this name). Off by default. */
  honestProc?: boolean;
  /** What pods with users of their own (`hostUsers: false`) get ids from: all of the machine's beyond 65535 when absent. Nodes of one machine should have each its own. */
  podUserIds?: IdPool;
  /** Kernel settings that pods may have besides the safe ones: names, and beginnings of names with `*` after them. */
  allowedUnsafeSysctls?: readonly string[];
  /** When a container's log is put aside, and how many parts of it are kept, the one being written among them; 10 MiB and 5 when absent. */
  containerLogs?: { maxBytes?: number; maxFiles?: number };
  /** How full the disk of images gets before unused ones go, and how full it then stays, in percent; 85 and 80 when absent. 100 keeps all. */
  imageGarbage?: { highPercent?: number; lowPercent?: number };
  /** When pods have to go because the node runs short; upstream's defaults when absent. */
  eviction?: EvictionConfig;
  /**
   * What happens to a container that writes more than its limit of ephemeral storage: `evict`, as upstream and by default, ends its pod some seconds later; `refuse` has the
   * kernel say that the disk is full, by a project quota where the file system of the node's state is mounted with them, else for some ten milliseconds and a
   * loop device more each start.
   */
  ephemeralStorage?: 'evict' | 'refuse';
  /**
   * What pods get to end when the machine goes down, in seconds, and how many of them at the end belong to critical pods. Absent or 0, as by default: they end with
   * the machine. Whether the machine goes down, and not the agent alone, is asked of systemd.
   */
  shutdownGracePeriod?: number;
  shutdownGracePeriodCriticalPods?: number;
  /** A folder of pods that run here whatever the API says: a file each, YAML or JSON. None when absent. */
  staticPodDir?: string;
}
