/** Stops containers in their groups: preStop hook, signal, and the kill when the grace is over. */
import { containersOf, fieldPathOf } from './containers.ts';
import type { Scene } from './perform.ts';
import type { Stopping } from './types.ts';

/** What a container gets at least after its preStop hook, as upstream. */
const leastGraceMs = 2000;

export async function stopContainers(groups: readonly Stopping[][], scene: Scene): Promise<void> {
  const { env } = scene.hands;
  const startedAt = env.now();
  for (const group of groups) {
    await Promise.all(group.map((item) => stopOne(item, startedAt, scene)));
  }
  await scene.hands.observer.refresh();
}

async function stopOne({ id, name, graceMs, message }: Stopping, startedAt: number, scene: Scene): Promise<void> {
  const { hands, look, preStopped, signal } = scene;
  const { pod, observed } = look();
  if (pod && message !== undefined) {
    hands.events.record({
      regarding: pod,
      fieldPath: fieldPathOf(pod, name),
      type: 'Normal',
      reason: 'Killing',
      message,
    });
  }
  const { spec } = (pod && containersOf(pod).find((item) => item.spec.name === name)) ?? {};
  const hook = spec?.lifecycle?.preStop;
  const remaining = () => graceMs - (hands.env.now() - startedAt);
  if (pod && spec && hook && !preStopped.has(id) && remaining() > 0) {
    preStopped.add(id);
    const limit = new AbortController();
    const cancel = hands.env.after(remaining(), () => limit.abort(new Error('the grace period is over')));
    try {
      const target = { pod, spec, id, ips: observed?.ips ?? [] };
      await hands.hooks.run(hook, target, AbortSignal.any([signal, limit.signal]));
    } catch (error) {
      if (signal.aborted) throw error;
      const failure = {
        regarding: pod,
        fieldPath: fieldPathOf(pod, name),
        type: 'Warning' as const,
        reason: 'FailedPreStopHook',
      };
      hands.events.record({ ...failure, message: 'PreStopHook failed' });
    } finally {
      cancel();
    }
  }
  const late = remaining() < graceMs;
  await hands.runtime.stopContainer(
    id,
    late ? Math.max(remaining(), Math.min(leastGraceMs, graceMs)) : graceMs,
    signal,
  );
}
