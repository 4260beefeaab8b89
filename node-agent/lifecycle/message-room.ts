/** How much the containers of one pod may say at their end, together (upstream's `normalizeStatus`). Pure. */
import type { ContainerState, ContainerStatus, Pod } from '#lib/kinds/gen/core-v1.ts';
import { containersOf } from './containers.ts';

const mostBytesOfPod = 12 * 1024;

/** The status with each message cut to its container's share of what a pod may say. */
export function withinRoom(pod: Pod, status: ContainerStatus): ContainerStatus {
  const mostBytes = Math.floor(mostBytesOfPod / containersOf(pod).length);
  const { state, lastState } = status;
  return {
    ...status,
    ...(state && { state: cut(state, mostBytes) }),
    ...(lastState && { lastState: cut(lastState, mostBytes) }),
  };
}

function cut(state: ContainerState, mostBytes: number): ContainerState {
  const { terminated } = state;
  if (terminated?.message === undefined) return state;
  const bytes = new TextEncoder().encode(terminated.message);
  if (bytes.length <= mostBytes) return state;
  return { terminated: { ...terminated, message: new TextDecoder().decode(bytes.subarray(0, mostBytes)) } };
}
