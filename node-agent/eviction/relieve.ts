/** Looks after what the node has left: tells when it runs short, frees what nobody needs, and ends pods when that is not enough. */
import type { Recorder } from '#lib/control/events.ts';
import type { Env } from '#lib/env/env.ts';
import type { Resource } from '#lib/meta/object.ts';
import type { Pods } from '../lifecycle/pods.ts';
import { isMet } from './decide.ts';
import { evictionText } from './message.ts';
import type { Pressure } from './pressure.ts';
import { isCritical, rank } from './rank.ts';
import type { PodUsage } from './rank.ts';
import type { EvictionSettings } from './settings.ts';
import { conditionOfResource, resourceOf, unitsIn } from './types.ts';
import type { Observations, Signal, StarvedResource, Threshold } from './types.ts';

export interface ReliefParts {
  env: Env;
  settings: EvictionSettings;
  pressure: Pressure;
  pods: Pick<Pods, 'all' | 'seen' | 'evict'>;
  events: Pick<Recorder, 'record'>;
  /** The node, as events name it. */
  node: Resource;
  observe(): Promise<Observations>;
  usage(resource: StarvedResource): Promise<PodUsage[]>;
  /** Frees what nobody needs and that the signal is about; false when there is nothing of the sort. */
  reclaim(signal: Signal): Promise<boolean>;
  /** The conditions of the node may have changed. */
  changed(): void;
  /** Calls `listener` when something runs short this moment, where the kernel tells. Resolves to the way to stop. */
  onShortage(listener: () => void): Promise<() => void>;
}

/** As often as upstream. */
const usualMs = 10_000;
/**
 * What falls below twice a threshold is watched closely. Of the limit of all pods the kernel tells by a file of cgroup v2; of the rest (pressure stalls, thresholds of
 * cgroup v1) only to who waits in poll(2), which needs a process beside ours: a look costs less than a tenth of a millisecond each second.
 */
const nearMs = 1000;
const nearFactor = 2;
/** Looks are never closer than this. */
const leastMs = 100;
/** An evicted pod has this long to go before the next is chosen. */
const goneWithinMs = 30_000;
const goneLookMs = 250;

/** Looks until aborted. */
export async function relievePressure(parts: ReliefParts, signal: AbortSignal): Promise<void> {
  const { env, pods } = parts;
  let alarm = new AbortController();
  const stop = await parts.onShortage(() => alarm.abort(new Error('Something runs short')));
  signal.addEventListener('abort', stop, { once: true });
  while (!signal.aborted) {
    let restMs = usualMs;
    alarm = new AbortController();
    try {
      const { evicted, near } = await relieveOnce(parts);
      if (evicted !== undefined) {
        await untilGone(evicted, parts, signal);
        restMs = 0;
      } else if (near) restMs = nearMs;
    } catch (error) {
      env.log.warn('Cannot look after what the node has left, trying again', { error });
    }
    // Alarms come in showers: all that ring meanwhile are answered by one look.
    await env.sleep(Math.min(restMs, leastMs), signal).catch(() => {});
    await env.sleep(Math.max(0, restMs - leastMs), AbortSignal.any([signal, alarm.signal])).catch(() => {});
  }

  async function untilGone(uid: string, { env }: ReliefParts, until: AbortSignal): Promise<void> {
    const deadline = env.monotonic() + goneWithinMs;
    for (;;) {
      const seen = pods.seen(uid);
      if (!seen || seen.notes.released || env.monotonic() > deadline || until.aborted) return;
      await env.sleep(goneLookMs, until).catch(() => {});
    }
  }
}

/** One look; at most one pod is evicted in it. `near` says that something is about to run short. */
export async function relieveOnce(parts: ReliefParts): Promise<{ evicted?: string; near: boolean }> {
  const { env, settings, pressure, events, node } = parts;
  const before = pressure.conditions().join();
  const observations = await parts.observe();
  const act = pressure.look(observations, env.now());
  if (pressure.conditions().join() !== before) parts.changed();
  const [first] = act;
  if (!first) {
    const near = settings.thresholds.some((threshold) => isNear(threshold, observations));
    // A condition that ends is told of as soon as one that begins.
    return { near: near || pressure.conditions().length > 0 };
  }
  const resource = resourceOf[first.signal];
  events.record({
    regarding: node,
    type: 'Warning',
    reason: 'EvictionThresholdMet',
    message: `Attempting to reclaim ${resource}`,
  });
  if (await parts.reclaim(first.signal)) {
    const after = await parts.observe();
    if (!settings.thresholds.some((threshold) => isMet(threshold, after, true))) return { near: true };
  }
  // Their files are kept until the API has heard of their end: while it is away, more evictions would free no more.
  const isOfDisk = conditionOfResource[resource] === 'DiskPressure';
  if (isOfDisk && parts.pods.all().some(({ exists, notes }) => exists && notes.evicted && !notes.reported)) {
    return { near: false };
  }
  const usage = await parts.usage(resource);
  const chosen = rank(resource, usage).find(({ pod }) => !isCritical(pod));
  if (!chosen) {
    env.log.warn('The node is short of a resource, and no pod can be evicted', { resource });
    return { near: false };
  }
  const { message, annotations } = evictionText(resource, chosen, act, observations);
  env.log.info('Evicting pod', { pod: chosen.pod.metadata.name, namespace: chosen.pod.metadata.namespace, message });
  parts.pods.evict(chosen.uid, {
    message,
    annotations,
    graceSeconds: graceOf(first, chosen, settings),
    disrupts: true,
  });
  return { evicted: chosen.uid, near: false };
}

function isNear({ signal, value }: Threshold, observations: Observations): boolean {
  const observed = observations[signal];
  return observed !== undefined && observed.available < nearFactor * unitsIn(value, observed.capacity);
}

/** What is short now cannot wait; a soft threshold leaves pods the time they are configured to have at most. */
function graceOf({ graceMs }: Threshold, { pod }: PodUsage, { maxPodGraceSeconds }: EvictionSettings): number {
  if (graceMs === 0) return 1;
  return Math.max(1, Math.min(maxPodGraceSeconds, pod.spec.terminationGracePeriodSeconds ?? maxPodGraceSeconds));
}
