/** The conditions of a pod, with upstream's reasons and sentences (`pkg/kubelet/status/generate.go`). */
import type { ContainerStatus, Pod, PodCondition, PodStatus } from '#lib/kinds/gen/core-v1.ts';
import { conditionOf } from '#lib/meta/conditions.ts';
import { containersOf } from './containers.ts';

type Verdict = Pick<PodCondition, 'status' | 'reason' | 'message'>;
const yes: Verdict = { status: 'True' };

/** The conditions the node agent owns; transition times move only when a status does. `disruption` says why the pod had to go for the node's sake. */
export function conditionsOf(
  pod: Pod,
  status: PodStatus,
  sandboxReady: boolean,
  now: string,
  disruption?: string,
): PodCondition[] {
  const containersReady = containersReadyOf(pod, status);
  const verdicts: [string, Verdict][] = [
    ['PodReadyToStartContainers', { status: sandboxReady ? 'True' : 'False' }],
    ['Initialized', initializedOf(pod, status)],
    ['Ready', readyOf(pod, containersReady)],
    ['ContainersReady', containersReady],
    ['PodScheduled', yes],
  ];
  if (disruption !== undefined)
    verdicts.push(['DisruptionTarget', { status: 'True', reason: 'TerminationByKubelet', message: disruption }]);
  return verdicts.map(([type, verdict]) => {
    const before = conditionOf(pod.status?.conditions, type);
    const kept = before?.status === verdict.status ? before.lastTransitionTime : undefined;
    return { type, lastProbeTime: undefined, lastTransitionTime: kept ?? now, ...verdict };
  });
}

function initializedOf(pod: Pod, status: PodStatus): Verdict {
  const statuses = new Map((status.initContainerStatuses ?? []).map((item) => [item.name, item]));
  const unknown: string[] = [];
  const incomplete: string[] = [];
  for (const { spec, role } of containersOf(pod)) {
    if (role !== 'init' && role !== 'sidecar') continue;
    const found = statuses.get(spec.name);
    if (!found) unknown.push(spec.name);
    else if (role === 'sidecar' ? !found.started : !found.ready) incomplete.push(spec.name);
  }
  if (status.phase === 'Succeeded' && unknown.length === 0) return { status: 'True', reason: 'PodCompleted' };
  if (status.containerStatuses?.some(hasEverStarted)) return yes;
  const message = sentences(
    ['containers with unknown status', unknown],
    ['containers with incomplete status', incomplete],
  );
  return message === '' ? yes : { status: 'False', reason: 'ContainersNotInitialized', message };
}

function hasEverStarted({ state, lastState, started }: ContainerStatus): boolean {
  return (
    started === true ||
    state?.running !== undefined ||
    state?.terminated !== undefined ||
    lastState?.terminated !== undefined
  );
}

function containersReadyOf(pod: Pod, status: PodStatus): Verdict {
  const statuses = new Map(
    [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])].map((item) => [item.name, item]),
  );
  const unknown: string[] = [];
  const unready: string[] = [];
  for (const { spec, role } of containersOf(pod)) {
    if (role !== 'main' && role !== 'sidecar') continue;
    const found = statuses.get(spec.name);
    if (!found) unknown.push(spec.name);
    else if (!found.ready) unready.push(spec.name);
  }
  if (unknown.length === 0) {
    if (status.phase === 'Succeeded') return { status: 'False', reason: 'PodCompleted' };
    if (status.phase === 'Failed') return { status: 'False', reason: 'PodFailed' };
  }
  const message = sentences(['containers with unknown status', unknown], ['containers with unready status', unready]);
  return message === '' ? yes : { status: 'False', reason: 'ContainersNotReady', message };
}

function readyOf(pod: Pod, containersReady: Verdict): Verdict {
  if (containersReady.status !== 'True') return containersReady;
  const missing: string[] = [];
  for (const { conditionType } of pod.spec.readinessGates ?? []) {
    const found = conditionOf(pod.status?.conditions, conditionType);
    if (!found) missing.push(`corresponding condition of pod readiness gate "${conditionType}" does not exist.`);
    else if (found.status !== 'True')
      missing.push(`the status of pod readiness gate "${conditionType}" is not "True", but ${found.status}`);
  }
  return missing.length === 0
    ? yes
    : { status: 'False', reason: 'ReadinessGatesNotReady', message: missing.join(', ') };
}

/** `what: [a b]` for each list that is not empty, as Go prints slices. */
function sentences(...lists: [string, string[]][]): string {
  return lists
    .filter(([, names]) => names.length > 0)
    .map(([what, names]) => `${what}: [${names.join(' ')}]`)
    .join(', ');
}
