/** Stops containers in their groups: preStop hook, signal, and the kill when the grace is over. */
import { containersOf, fieldPathOf } from './containers.ts';
import type { Scene } from './perform.ts';
import type { Stopping } from './types.ts';

/** What a container gets at least between the signal and the kill, as upstream, however short its grace and long its preStop hook. */
const leastGraceMs = 2000;

/** All hooks begin at once, as upstream; a group is signalled when the one before has ended. */
export async function stopContainers(groups: readonly Stopping[][], scene: Scene): Promise<void> {
  const { env } = scene.hands;
  const startedAt = env.now();
  for (const { id, name, replaced } of groups.flat()) if (replaced) scene.noteContainer(name, { replaced: id });
  const left = ({ graceMs }: Stopping) => graceMs - (env.now() - startedAt);
  const hooks = new Map(groups.flat().map((item) => [item.id, leave(item, () => left(item), scene)]));
  // One that fails while an earlier group is being stopped is heard of when its turn comes.
  for (const hook of hooks.values()) hook.catch(() => {});
  for (const group of groups) {
    await Promise.all(
      group.map(async (item) => {
        await hooks.get(item.id);
        await scene.hands.runtime.stopContainer(item.id, Math.max(left(item), leastGraceMs), scene.signal);
      }),
    );
  }
  await scene.hands.observer.refresh(scene.uid);
}

/** Says that the container must go, and runs its preStop hook for as long as the grace lasts. Rejects only when the step is given up. */
async function leave({ id, name, message }: Stopping, left: () => number, scene: Scene): Promise<void> {
  const { hands, look, preStopped, signal } = scene;
  const { pod, observed } = look();
  if (!pod) return;
  const about = { regarding: pod, fieldPath: fieldPathOf(pod, name) };
  if (message !== undefined) hands.events.record({ ...about, type: 'Normal', reason: 'Killing', message });
  const spec = containersOf(pod).find((item) => item.spec.name === name)?.spec;
  const hook = spec?.lifecycle?.preStop;
  if (!spec || !hook || preStopped.has(id) || left() <= 0) return;
  preStopped.add(id);
  const limit = new AbortController();
  const cancel = hands.env.after(left(), () => limit.abort(new Error('the grace period is over')));
  try {
    const target = { pod, spec, id, ips: observed?.ips ?? [] };
    await hands.hooks.run(hook, target, AbortSignal.any([signal, limit.signal]));
  } catch (error) {
    if (signal.aborted) throw error;
    hands.events.record({ ...about, type: 'Warning', reason: 'FailedPreStopHook', message: 'PreStopHook failed' });
  } finally {
    cancel();
  }
}
