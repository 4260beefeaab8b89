/** What the lifecycle's shell works with: everything outside a pod that its steps touch. */
import type { Client } from '#lib/client/types.ts';
import type { Recorder } from '#lib/control/events.ts';
import type { Env } from '#lib/env/env.ts';
import type { ConfigMap, Secret, Service } from '#lib/kinds/gen/core-v1.ts';
import type { Pressure } from '../eviction/pressure.ts';
import type { Cpus } from '../cpus/cpus.ts';
import type { Devices } from '../devices/devices.ts';
import type { Images } from '../images/types.ts';
import type { LogLinks } from '../node/log-links.ts';
import type { HookRunner } from '../probes/hooks.ts';
import type { Prober } from '../probes/prober.ts';
import type { Runtime } from '../runtime/types.ts';
import type { Volumes } from '../volumes/volumes.ts';
import type { NodeRoom } from './admit.ts';
import type { Limit } from './limit.ts';
import type { MemoryRules } from './memory-rules.ts';
import type { Observer } from './observer.ts';
import type { ClusterFacts } from './sandbox-spec.ts';

/** ConfigMaps and Secrets that the pods of this node name, kept up to date while somebody holds them. */
export interface ObjectSource {
  /** Follows exactly these objects for `holder`; an empty list lets go. */
  hold(holder: string, configMaps: readonly string[], secrets: readonly string[], namespace: string): void;
  /** The object, or undefined when there is none; waits for the first state of one that is newly held. */
  configMap(namespace: string, name: string): Promise<ConfigMap | undefined>;
  secret(namespace: string, name: string): Promise<Secret | undefined>;
  /** Calls `listener` with the holders of an object that has changed. Returns the way to stop. */
  onChange(listener: (holders: readonly string[]) => void): () => void;
}

/** What is true of the node. */
export interface HostFacts extends ClusterFacts {
  hostIps: readonly string[];
  memoryRules: MemoryRules;
  allocatable: Readonly<Record<string, number | string>>;
  /** Root of the log files: `<ns>_<pod>_<uid>/<container>/<attempt>.log` below. */
  logDir: string;
  seccompDir: string;
}

export interface Hands {
  env: Env;
  client: Client;
  events: Recorder;
  runtime: Runtime;
  observer: Observer;
  images: Images;
  volumes: Volumes;
  objects: ObjectSource;
  hooks: HookRunner;
  prober: Prober;
  facts: HostFacts;
  /** Whether the node is too short of something to take more. */
  pressure: Pick<Pressure, 'refusalOf'>;
  cpus: Cpus;
  devices: Pick<Devices, 'lacks' | 'give' | 'ready' | 'release' | 'keepOnly'>;
  /** Absent where nobody looks for links to logs. */
  logLinks?: LogLinks;
  /** What the node has and is called, as the API sees it now. */
  room(): NodeRoom;
  /** All Services of the cluster. */
  services(): readonly Service[];
  /** Bounds how many sandboxes and containers are made at a time. */
  limit: Limit;
  /** Bounds how many pods are taken down at a time, so that they go one after the other and not all at last. */
  endings: Limit;
}
