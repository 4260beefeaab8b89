/** What goes on beside the pods as long as the agent runs: logs are rotated, limits heeded, images collected, shortages relieved. */
import type { Recorder } from '#lib/control/events.ts';
import type { Env } from '#lib/env/env.ts';
import type { Resource } from '#lib/meta/object.ts';
import type { NodeAgentConfig } from './config.ts';
import { hasOwnImageFs, observeNode } from './eviction/observe.ts';
import type { Pressure } from './eviction/pressure.ts';
import { reclaim } from './eviction/reclaim.ts';
import { relievePressure } from './eviction/relieve.ts';
import type { EvictionSettings } from './eviction/settings.ts';
import { measurePods } from './eviction/usage.ts';
import type { Images } from './images/types.ts';
import type { Pods } from './lifecycle/pods.ts';
import type { NodeResources } from './node/allocatable.ts';
import { enforceAllocatable } from './node/enforce-allocatable.ts';
import { collectImages } from './node/image-garbage.ts';
import type { LogLinks } from './node/log-links.ts';
import { rotateLogs } from './node/log-rotation.ts';
import { removeOldLogs } from './node/old-logs.ts';
import type { OciRuntime } from './runtime/oci/runtime.ts';
import { heedStorageLimits } from './storage/heed-limits.ts';

export interface UpkeepParts {
  env: Env;
  nodeName: string;
  stateDir: string;
  imageDir: string;
  logDir: string;
  logLinks?: LogLinks | undefined;
  containerLogs?: NodeAgentConfig['containerLogs'];
  imageGarbage?: NodeAgentConfig['imageGarbage'];
  runtime: OciRuntime;
  images: Images;
  pods: Pods;
  events: Recorder;
  settings: EvictionSettings;
  resources: NodeResources;
  pressure: Pressure;
  /** The node's conditions may have changed. */
  changed(): void;
}

/** Starts all of it; it ends when the signal aborts. */
export async function keepUp(parts: UpkeepParts, signal: AbortSignal): Promise<void> {
  const { env, runtime, images, pods, events, logDir, resources } = parts;
  const node = nodeAsRegarded(parts.nodeName);
  const ownImageFs = await hasOwnImageFs(parts);
  const memoryOfPods = resources.podsLimit.memoryLimitBytes;
  void rotateLogs({ env, runtime, pods, ...parts.containerLogs }, signal);
  void removeOldLogs({ env, logDir, pods, links: parts.logLinks }, signal);
  void heedStorageLimits({ env, runtime, pods, logDir }, signal);
  void collectImages({ env, images, imageDir: parts.imageDir, pods, events, node, ...parts.imageGarbage }, signal);
  void enforceAllocatable({ env, runtime, events, node, limit: resources.podsLimit }, signal);
  void relievePressure(
    {
      ...parts,
      node,
      observe: async () => ({
        ...(await observeNode(parts)),
        'allocatableMemory.available': {
          available: memoryOfPods - (await runtime.podsWorkingSet()),
          capacity: memoryOfPods,
        },
      }),
      usage: (resource) => measurePods({ runtime, pods, logDir }, resource),
      onShortage: (listener) => runtime.onPodsShort(listener),
      reclaim: (what) => reclaim(what, { env, runtime, images, pods, ownImageFs }),
    },
    signal,
  );
}

/** Nodes are told about under their name, by which `kubectl describe` looks. */
export function nodeAsRegarded(name: string): Resource {
  return { apiVersion: 'v1', kind: 'Node', metadata: { name, uid: name, resourceVersion: '' } } as Resource;
}
