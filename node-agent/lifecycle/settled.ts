/** What a pod that has ended says of containers that nobody can tell the end of (upstream's `TerminatePod`). Pure. */
import type { ContainerStateTerminated, ContainerStatus, Pod } from '#lib/kinds/gen/core-v1.ts';
import type { Role } from './types.ts';

export interface WithRole {
  role: Role;
  status: ContainerStatus;
}

/**
 * The statuses of a pod of which nothing runs and nothing will. Main containers that never ended count as failed if the pod was initialised, so that nobody takes
 * them for waiting still; so do init containers, but for those whose turn had not come.
 */
export function settled(pod: Pod, all: readonly WithRole[]): WithRole[] {
  const inits = all.filter(isInit);
  const lastBegun = inits.findLastIndex(({ status }) => hasBegun(status));
  // The first one had its turn whatever became of it.
  const turns = new Set(inits.slice(0, Math.max(lastBegun, 0) + 1));
  const initialised = wasInitialised(pod, all);
  return all.map((item) => {
    const counts = item.role === 'main' ? initialised : turns.has(item);
    return counts && !item.status.state?.terminated
      ? { ...item, status: { ...item.status, state: { terminated: unknownEnd() } } }
      : item;
  });
}

/** How a container ended that was not found when its pod had to end. */
export function unknownEnd(): ContainerStateTerminated {
  return {
    exitCode: 137,
    reason: 'ContainerStatusUnknown',
    message: 'The container could not be located when the pod was terminated',
  };
}

function wasInitialised(pod: Pod, all: readonly WithRole[]): boolean {
  if ((pod.spec.initContainers ?? []).length === 0) return true;
  if (all.some(({ role, status }) => role === 'main' && hasBegun(status))) return true;
  const last = all.findLast(isInit)?.status;
  return [last?.state, last?.lastState].some((state) => state?.terminated?.exitCode === 0);
}

function isInit({ role }: WithRole): boolean {
  return role === 'init' || role === 'sidecar';
}

function hasBegun({ state, lastState }: ContainerStatus): boolean {
  return state?.waiting === undefined || lastState?.terminated !== undefined;
}
