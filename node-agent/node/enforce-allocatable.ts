/** Holds all pods of the node to what they may use together. */
import type { Recorder } from '#lib/control/events.ts';
import type { Env } from '#lib/env/env.ts';
import type { Resource } from '#lib/meta/object.ts';
import type { CgroupResources, PodsLimiter } from '../runtime/types.ts';

export interface EnforceParts {
  env: Env;
  runtime: Pick<PodsLimiter, 'limitPods'>;
  events: Pick<Recorder, 'record'>;
  /** The node, as events name it. */
  node: Resource;
  limit: CgroupResources;
}

/** As upstream: pods that use more than a limit that was lowered are evicted meanwhile. */
const retryMs = 60_000;

/** Tries until the kernel takes the limit, or the signal aborts. */
export async function enforceAllocatable(parts: EnforceParts, signal: AbortSignal): Promise<void> {
  const { env, runtime, events, node, limit } = parts;
  while (!signal.aborted) {
    try {
      await runtime.limitPods(limit);
      const message = 'Updated Node Allocatable limit across pods';
      return events.record({ regarding: node, type: 'Normal', reason: 'NodeAllocatableEnforced', message });
    } catch (error) {
      const because = error instanceof Error ? error.message : String(error);
      const message = `Failed to update Node Allocatable Limits ["kubepods"]: ${because}`;
      events.record({ regarding: node, type: 'Warning', reason: 'FailedNodeAllocatableEnforcement', message });
      env.log.warn('Cannot limit what pods use together, trying again', { error });
    }
    await env.sleep(retryMs, signal).catch(() => {});
  }
}
