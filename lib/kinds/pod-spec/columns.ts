/** The columns of pods: what `kubectl get pods` makes of a pod's many states. */
import { conditionOf, isTrue } from '#lib/meta/conditions.ts';
import { humanDuration } from '#lib/meta/duration.ts';
import { parseTime } from '#lib/meta/time.ts';
import { ageColumn, nameColumn, none, text, wide } from '../columns.ts';
import type { Column } from '../define-kind.ts';
import type { Container, ContainerStateTerminated, ContainerStatus, Pod } from '../gen/core-v1.ts';

export const podColumns: readonly Column<Pod>[] = [
  nameColumn,
  text('Ready', (pod) => {
    const { ready, total } = summarize(pod);
    return `${ready}/${total}`;
  }),
  text('Status', (pod) => summarize(pod).status),
  text('Restarts', (pod, { now }) => {
    const { restarts, lastRestartMs } = summarize(pod);
    return restarts > 0 && lastRestartMs > 0
      ? `${restarts} (${humanDuration(now - lastRestartMs)} ago)`
      : String(restarts);
  }),
  ageColumn,
  wide(text('IP', (pod) => pod.status?.podIPs?.[0]?.ip ?? pod.status?.podIP ?? none)),
  wide(text('Node', (pod) => pod.spec.nodeName || none)),
  wide(text('Nominated Node', (pod) => pod.status?.nominatedNodeName || none)),
  wide(
    text('Readiness Gates', (pod) => {
      const gates = pod.spec.readinessGates ?? [];
      const passed = gates.filter((gate) => isTrue(pod.status?.conditions, gate.conditionType));
      return gates.length === 0 ? none : `${passed.length}/${gates.length}`;
    }),
  ),
];

interface Summary {
  status: string;
  ready: number;
  total: number;
  restarts: number;
  /** 0 when nothing restarted yet. */
  lastRestartMs: number;
}

/** One word for a pod's state, and its counts, as upstream's printer tells them. */
function summarize(pod: Pod): Summary {
  const { status = {}, spec } = pod;
  const sidecars = (spec.initContainers ?? []).filter(isSidecar);
  const gated = conditionOf(status.conditions, 'PodScheduled')?.reason === 'SchedulingGated';
  const summary: Summary = {
    status: gated ? 'SchedulingGated' : status.reason || (status.phase ?? 'Pending'),
    ready: 0,
    total: spec.containers.length + sidecars.length,
    restarts: 0,
    lastRestartMs: 0,
  };

  const inits = status.initContainerStatuses ?? [];
  const sidecarNames = new Set(sidecars.map(({ name }) => name));
  const initializing = summarizeInits(summary, inits, sidecarNames, spec.initContainers?.length ?? 0);
  if (!initializing || isTrue(status.conditions, 'Initialized')) {
    // Restarts of finished init containers no longer matter once the main containers may run.
    Object.assign(summary, countRestarts(inits.filter(({ name }) => sidecarNames.has(name))));
    summarizeMain(summary, status.containerStatuses ?? [], isTrue(status.conditions, 'Ready'));
  }

  if (pod.metadata.deletionTimestamp) {
    if (status.reason === 'NodeLost') summary.status = 'Unknown';
    else if (status.phase !== 'Succeeded' && status.phase !== 'Failed') summary.status = 'Terminating';
  }
  return summary;
}

function isSidecar(container: Container): boolean {
  return container.restartPolicy === 'Always';
}

/** Whether an init container still stands in the way; the summary then says which. */
function summarizeInits(
  summary: Summary,
  inits: readonly ContainerStatus[],
  sidecars: ReadonlySet<string>,
  total: number,
): boolean {
  for (const [i, container] of inits.entries()) {
    Object.assign(summary, countRestarts(inits.slice(0, i + 1)));
    const { terminated, waiting } = container.state ?? {};
    if (terminated?.exitCode === 0) continue;
    if (sidecars.has(container.name) && container.started) {
      if (container.ready) summary.ready++;
      continue;
    }
    if (terminated) summary.status = `Init:${reasonOf(terminated)}`;
    else if (waiting?.reason && waiting.reason !== 'PodInitializing') summary.status = `Init:${waiting.reason}`;
    else summary.status = `Init:${i}/${total}`;
    return true;
  }
  return false;
}

function summarizeMain(summary: Summary, containers: readonly ContainerStatus[], podReady: boolean): void {
  const counted = countRestarts(containers);
  summary.restarts += counted.restarts;
  summary.lastRestartMs = Math.max(summary.lastRestartMs, counted.lastRestartMs);
  let running = false;
  for (const { state = {}, ready } of containers.toReversed()) {
    if (state.waiting?.reason) summary.status = state.waiting.reason;
    else if (state.terminated) summary.status = reasonOf(state.terminated);
    else if (ready && state.running) {
      running = true;
      summary.ready++;
    }
  }
  if (summary.status === 'Completed' && running) summary.status = podReady ? 'Running' : 'NotReady';
}

function reasonOf({ reason, signal, exitCode }: ContainerStateTerminated): string {
  return reason || (signal ? `Signal:${signal}` : `ExitCode:${exitCode}`);
}

function countRestarts(containers: readonly ContainerStatus[]): Pick<Summary, 'restarts' | 'lastRestartMs'> {
  return {
    restarts: containers.reduce((sum, container) => sum + container.restartCount, 0),
    lastRestartMs: containers.reduce(
      (latest, container) => Math.max(latest, parseTime(container.lastState?.terminated?.finishedAt) ?? 0),
      0,
    ),
  };
}
