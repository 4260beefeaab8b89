/** Whether, and why, a pod must come to its end. */
import type { Pod } from '#lib/kinds/gen/core-v1.ts';
import { parseTime } from '#lib/meta/time.ts';
import { containersOf, doingOf, hasInitialised, runsAgain } from './containers.ts';
import type { Seen } from './types.ts';

/** Whether the API says that the pod has succeeded or failed; it never runs again then. */
export function isTerminal(pod: Pod): boolean {
  return pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
}

/** When the pod's activeDeadlineSeconds run out, in milliseconds since the epoch. */
export function deadlineOf(pod: Pod): number | undefined {
  const started = parseTime(pod.status?.startTime);
  const { activeDeadlineSeconds } = pod.spec;
  return started === undefined || activeDeadlineSeconds === undefined
    ? undefined
    : started + activeDeadlineSeconds * 1000;
}

/** Whether every container of the pod must stop now. */
export function mustEnd(seen: Seen, pod: Pod, now: number): boolean {
  if (pod.metadata.deletionTimestamp !== undefined || isTerminal(pod)) return true;
  if (seen.notes.rejected || seen.notes.evicted !== undefined) return true;
  const deadline = deadlineOf(pod);
  return (deadline !== undefined && deadline <= now) || hasFinishedByItself(seen, pod);
}

/** Why the agent itself ends the pod: status.reason and status.message of a failed pod. */
export function verdictOf(
  { notes }: Pick<Seen, 'notes'>,
  pod: Pod,
  now: number,
): { reason: string; message: string } | undefined {
  if (isTerminal(pod)) return undefined;
  if (notes.evicted !== undefined) {
    const { reason = 'Evicted', message } = notes.evicted;
    return { reason, message };
  }
  const deadline = deadlineOf(pod);
  if (deadline === undefined || deadline > now) return undefined;
  return { reason: 'DeadlineExceeded', message: 'Pod was active on the node longer than the specified deadline' };
}

/** Whether the pod's containers have ended for good: all main ones, or an init container that may not fail. */
function hasFinishedByItself(seen: Seen, pod: Pod): boolean {
  const isOver = (name: string, role: 'main' | 'init') => {
    const doing = doingOf(seen, pod, name);
    return doing.is === 'ended' && !runsAgain(seen, pod, role, name, doing);
  };
  const mains = pod.spec.containers;
  if (mains.length > 0 && mains.every(({ name }) => isOver(name, 'main'))) return true;
  if (pod.spec.restartPolicy !== 'Never' || hasInitialised(seen, pod)) return false;
  return containersOf(pod).some(({ spec, role }) => {
    if (role !== 'init') return false;
    const doing = doingOf(seen, pod, spec.name);
    return doing.is === 'ended' && doing.exitCode !== 0;
  });
}
