/** Reading a pod's containers: which there are, what ran of each, and whether it should run again. */
import type { ContainerStateTerminated, ContainerStatus, Pod } from '#lib/kinds/gen/core-v1.ts';
import { parseTime } from '#lib/meta/time.ts';
import type { ObservedContainer, ObservedPod } from '../runtime/types.ts';
import type { AnyContainer, Role, Seen } from './types.ts';

/** All containers of a pod with their roles, in the order they are listed: init, main, ephemeral. */
export function containersOf(pod: Pod): { spec: AnyContainer; role: Role }[] {
  return [
    ...(pod.spec.initContainers ?? []).map((spec) => ({
      spec,
      role: spec.restartPolicy === 'Always' ? ('sidecar' as const) : ('init' as const),
    })),
    ...pod.spec.containers.map((spec) => ({ spec, role: 'main' as const })),
    ...(pod.spec.ephemeralContainers ?? []).map((spec) => ({ spec, role: 'ephemeral' as const })),
  ];
}

/** How events name a container of a pod, as upstream's: `spec.containers{app}`. */
export function fieldPathOf(pod: Pod, name: string): string {
  const has = (list: readonly { name: string }[] | undefined) => list?.some((item) => item.name === name) ?? false;
  if (has(pod.spec.initContainers)) return `spec.initContainers{${name}}`;
  return has(pod.spec.ephemeralContainers) ? `spec.ephemeralContainers{${name}}` : `spec.containers{${name}}`;
}

/** The runs of a container, latest first. */
export function runsOf(observed: ObservedPod | undefined, name: string): ObservedContainer[] {
  return (observed?.containers ?? []).filter((run) => run.name === name).sort((a, b) => b.attempt - a.attempt);
}

/** The status the API has of a container, of whatever role. */
export function reportedStatus(pod: Pod, name: string): ContainerStatus | undefined {
  const { status } = pod;
  for (const list of [status?.containerStatuses, status?.initContainerStatuses, status?.ephemeralContainerStatuses]) {
    const found = list?.find((item) => item.name === name);
    if (found) return found;
  }
  return undefined;
}

/**
 * Whether the API knows of a later run than this one, which has ended: removing what was left of a pod, or a start that failed, was cut short, and this is what remains. It
 * says nothing any more of how its container is.
 */
export function isOutdated(run: ObservedContainer, reported: ContainerStatus | undefined): boolean {
  return run.state === 'exited' && reported !== undefined && run.attempt < reported.restartCount;
}

/** How a container's last run ended. */
export interface Ending {
  exitCode: number;
  finishedAt: number;
}

/** What a container is doing now. `attempt` is that of the run, or the one to start next when there is none. */
export type Doing =
  | { is: 'absent'; attempt: number }
  | { is: 'created'; attempt: number; run: ObservedContainer }
  | { is: 'running'; attempt: number; run: ObservedContainer }
  | ({ is: 'ended'; attempt: number } & Ending);

/**
 * What a container is doing, by the runtime's record or, where that is gone, by the API's status: a run that the API knows and
 * the runtime does not has ended with code 137, as upstream's ContainerStatusUnknown.
 */
export function doingOf({ observed }: Pick<Seen, 'observed'>, pod: Pod, name: string): Doing {
  const reported = reportedStatus(pod, name);
  const [newest] = runsOf(observed, name);
  const run = newest && isOutdated(newest, reported) ? undefined : newest;
  if (run?.state === 'running') return { is: 'running', attempt: run.attempt, run };
  if (run?.state === 'created') return { is: 'created', attempt: run.attempt, run };
  if (run) return { is: 'ended', attempt: run.attempt, exitCode: run.exitCode ?? 137, finishedAt: endOf(run) };
  const past = reported?.state?.terminated ?? reported?.lastState?.terminated;
  if (reported?.state?.running) return { is: 'ended', attempt: reported.restartCount, exitCode: 137, finishedAt: 0 };
  if (reported && past) return { is: 'ended', attempt: reported.restartCount, ...endingOf(past) };
  return { is: 'absent', attempt: reported?.containerID ? reported.restartCount + 1 : 0 };
}

function endOf(run: ObservedContainer): number {
  return run.finishedAt ?? run.startedAt ?? run.createdAt;
}

function endingOf(terminated: ContainerStateTerminated): Ending {
  return { exitCode: terminated.exitCode, finishedAt: parseTime(terminated.finishedAt) ?? 0 };
}

/** Whether a container of this role is to run again after this end: by the pod's restart policy, or because it was ended for that. */
export function runsAgain(
  seen: Pick<Seen, 'observed' | 'notes'>,
  pod: Pod,
  role: Role,
  name: string,
  ending: Ending,
): boolean {
  if (role === 'ephemeral') return false;
  if (role === 'sidecar' || isReplaced(seen, name)) return true;
  if (role === 'init') return ending.exitCode !== 0 && pod.spec.restartPolicy !== 'Never';
  const policy = pod.spec.restartPolicy ?? 'Always';
  return policy === 'Always' || (policy === 'OnFailure' && ending.exitCode !== 0);
}

/** Whether the latest run of a container was ended to be followed by another. */
export function isReplaced({ observed, notes }: Pick<Seen, 'observed' | 'notes'>, name: string): boolean {
  const id = runsOf(observed, name)[0]?.id;
  return id !== undefined && notes.containers[name]?.replaced === id;
}

/** Whether a main container of the pod has ever run: its init containers are done then, in this sandbox. */
export function hasInitialised(seen: Pick<Seen, 'observed'>, pod: Pod): boolean {
  const { observed } = seen;
  return pod.spec.containers.some((container) =>
    runsOf(observed, container.name).some((run) => isOfThisSandbox(observed, run)),
  );
}

/** Whether a run belongs to the sandbox that stands now, and not to one lost in a reboot. */
export function isOfThisSandbox(observed: ObservedPod | undefined, run: ObservedContainer): boolean {
  return observed !== undefined && run.createdAt >= observed.createdAt;
}

/** Whether the run of a container counts as started: its startup probe, if it has one, has succeeded. */
export function hasStarted(seen: Pick<Seen, 'notes'>, spec: AnyContainer, run: ObservedContainer): boolean {
  const notes = seen.notes.containers[spec.name];
  if (run.state !== 'running' || notes?.hooking === run.id) return false;
  return spec.startupProbe === undefined || (notes?.health?.id === run.id && notes.health.started);
}
