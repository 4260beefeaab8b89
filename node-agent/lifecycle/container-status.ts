/** The status of one container, as upstream's kubelet reports it (`kubelet_pods.go`, convertToAPIContainerStatuses). */
import type { ContainerState, ContainerStatus, Pod } from '#lib/kinds/gen/core-v1.ts';
import { formatTime } from '#lib/meta/time.ts';
import type { ObservedContainer } from '../runtime/types.ts';
import { doingOf, hasStarted, isOutdated, isReplaced, reportedStatus, runsAgain, runsOf } from './containers.ts';
import { unknownEnd } from './settled.ts';
import type { AnyContainer, Role, Seen } from './types.ts';

/** The scheme of container ids in statuses. */
const scheme = 'crun://';

/** `over` says that the pod has stopped for good: nothing waits to run again then. */
export function containerStatus(
  seen: Seen,
  pod: Pod,
  { spec, role }: { spec: AnyContainer; role: Role },
  over: boolean,
): ContainerStatus {
  const notes = seen.notes.containers[spec.name];
  const before = reportedStatus(pod, spec.name);
  // A run that is only being made may yet come to nothing.
  const [newest, previous] = runsOf(seen.observed, spec.name).filter(({ state }) => state !== 'created');
  const latest = newest && isOutdated(newest, before) ? undefined : newest;
  const waitsForInit = (pod.spec.initContainers?.length ?? 0) > 0;
  const waiting = { reason: waitsForInit ? 'PodInitializing' : 'ContainerCreating' };
  const common = { name: spec.name, image: spec.image ?? '', ...mountsOf(spec) };

  if (!latest) {
    const ran = before?.containerID !== undefined;
    const state: ContainerState = ran ? stateWithoutRun(before, over) : { waiting: notes?.problem ?? waiting };
    return {
      ...common,
      state,
      lastState: before?.lastState ?? {},
      ready: role === 'init' && state.terminated?.exitCode === 0,
      restartCount: before?.restartCount ?? 0,
      imageID: before?.imageID ?? '',
      ...(before?.containerID !== undefined && { containerID: before.containerID }),
      ...(role !== 'ephemeral' && { started: false }),
    };
  }

  const asked = role === 'ephemeral' ? undefined : latest.asked;
  const { state, lastState } = statesOf(seen, pod, { spec, role, over }, latest, previous, waiting);
  const started = hasStarted(seen, spec, latest);
  return {
    ...common,
    image: latest.image,
    state: state.terminated ? state : (lastingEnd(pod, role, before) ?? state),
    lastState,
    ready: readyOf(seen, spec, role, latest, started),
    restartCount: latest.attempt,
    imageID: latest.imageDigest ?? latest.imageId,
    containerID: scheme + latest.id,
    // Of a debugger's container nobody asks whether it has started.
    ...(role !== 'ephemeral' && { started }),
    ...(asked?.requests && { allocatedResources: asked.requests }),
    ...((asked?.requests ?? asked?.limits) && { resources: asked }),
  };
}

/**
 * The end of an init container that the API takes for its last, by the restart policy: in a sandbox made anew it runs again all the same, and a status that told
 * so would be refused whole.
 */
function lastingEnd(pod: Pod, role: Role, before: ContainerStatus | undefined): ContainerState | undefined {
  const ended = before?.state?.terminated;
  if (role !== 'init' || !ended) return undefined;
  const { restartPolicy = 'Always' } = pod.spec;
  const mayRun = restartPolicy === 'Always' || (restartPolicy === 'OnFailure' && ended.exitCode !== 0);
  return mayRun ? undefined : { terminated: ended };
}

function statesOf(
  seen: Seen,
  pod: Pod,
  { spec, role, over }: { spec: AnyContainer; role: Role; over: boolean },
  latest: ObservedContainer,
  previous: ObservedContainer | undefined,
  waiting: { reason: string },
): { state: ContainerState; lastState: ContainerState } {
  const notes = seen.notes.containers[spec.name];
  const before = reportedStatus(pod, spec.name);
  const lastState = previous ? { terminated: endOf(previous) } : earlierEnd(before, latest);
  if (notes?.hooking === latest.id) return { state: { waiting }, lastState };
  if (latest.state === 'running') {
    return { state: { running: { startedAt: formatTime(latest.startedAt ?? latest.createdAt) } }, lastState };
  }
  const words = notes?.lastWords?.id === latest.id ? notes.lastWords.text : undefined;
  const terminated = endOf({ ...latest, ...(words !== undefined && !latest.message && { message: words }) });
  const doing = doingOf(seen, pod, spec.name);
  const again = !over && doing.is === 'ended' && runsAgain(seen, pod, role, spec.name, doing);
  // Where the restart policy alone would not let it run again, the API takes an end for its last.
  if (again && isReplaced(seen, spec.name))
    return { state: { waiting: notes?.problem ?? waiting }, lastState: { terminated } };
  return again && notes?.problem
    ? { state: { waiting: notes.problem }, lastState: { terminated } }
    : { state: { terminated }, lastState };
}

/** What the API last knew of the run before this one, when the runtime has discarded it. */
function earlierEnd(before: ContainerStatus | undefined, latest: ObservedContainer): ContainerState {
  if (!before) return {};
  if (before.containerID === scheme + latest.id) return before.lastState ?? {};
  if (before.restartCount >= latest.attempt) return {};
  const end = before.state?.terminated ?? before.lastState?.terminated;
  return end ? { terminated: end } : {};
}

function endOf(run: ObservedContainer): NonNullable<ContainerState['terminated']> {
  const exitCode = run.exitCode ?? 137;
  // A run that never began has the time that Go's zero is.
  const startedAt = run.startedAt ?? 0;
  return {
    exitCode,
    reason: reasonOf(run, exitCode),
    ...(run.message !== undefined && run.message !== '' && { message: run.message }),
    startedAt: formatTime(startedAt),
    finishedAt: formatTime(run.finishedAt ?? run.createdAt),
    containerID: scheme + run.id,
  };
}

function reasonOf(run: ObservedContainer, exitCode: number): string {
  if (run.oomKilled) return 'OOMKilled';
  if (run.startedAt === undefined) return 'StartError';
  return exitCode === 0 ? 'Completed' : 'Error';
}

function stateWithoutRun(before: ContainerStatus, over: boolean): ContainerState {
  const { state, containerID } = before;
  if (state?.terminated) return { terminated: state.terminated };
  if (state?.running) return { terminated: { ...unknownEnd(), ...(containerID !== undefined && { containerID }) } };
  const end = before.lastState?.terminated;
  return over && end ? { terminated: end } : (state ?? {});
}

function readyOf(seen: Seen, spec: AnyContainer, role: Role, run: ObservedContainer, started: boolean): boolean {
  if (role === 'init') return run.state === 'exited' && run.exitCode === 0;
  if (role === 'ephemeral' || !started) return false;
  const health = seen.notes.containers[spec.name]?.health;
  return spec.readinessProbe === undefined || (health?.id === run.id && health.ready);
}

function mountsOf(spec: AnyContainer): Pick<ContainerStatus, 'volumeMounts'> {
  if (!spec.volumeMounts || spec.volumeMounts.length === 0) return {};
  return {
    volumeMounts: spec.volumeMounts.map(({ name, mountPath, readOnly, recursiveReadOnly = 'Disabled' }) => ({
      name,
      mountPath,
      // What is wished for if possible is possible on all kernels that the node runs on.
      ...(readOnly && { readOnly, recursiveReadOnly: recursiveReadOnly === 'Disabled' ? 'Disabled' : 'Enabled' }),
    })),
  };
}
