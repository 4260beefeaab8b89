/** What the API should say about a pod, from what is seen of it: upstream's generateAPIPodStatus as a pure function. */
import type { ContainerStatus, Pod, PodStatus } from '#lib/kinds/gen/core-v1.ts';
import { qosClassOf } from '#lib/kinds/pod-spec/resources.ts';
import { formatTime } from '#lib/meta/time.ts';
import { conditionsOf } from './conditions.ts';
import { containersOf, isReplaced } from './containers.ts';
import { containerStatus } from './container-status.ts';
import { isTerminal, mustEnd, verdictOf } from './ending.ts';
import { withinRoom } from './message-room.ts';
import { resizeStatus } from './resize.ts';
import { settled } from './settled.ts';
import type { WithRole } from './settled.ts';
import type { Role, Seen } from './types.ts';

/** The pod's status. `hostIps` are the node's addresses. Conditions of others (readiness gates) are not in it. */
export function statusOf(seen: Seen, pod: Pod, hostIps: readonly string[], now: number): PodStatus {
  const before = pod.status ?? {};
  const { observed, notes } = seen;
  if (notes.rejected) {
    const { reason } = notes.rejected;
    const message = `Pod was rejected: ${notes.rejected.message}`;
    return { ...before, phase: 'Failed', reason, message, startTime: before.startTime ?? formatTime(now) };
  }
  if (isTerminal(pod) && (observed?.containers ?? []).length === 0) return { ...before };
  const running = observed?.containers.some((run) => run.state === 'running') ?? false;
  const over = mustEnd(seen, pod, now) && !running;
  const told = containersOf(pod).map((item): WithRole => {
    return { role: item.role, status: withinRoom(pod, containerStatus(seen, pod, item, over)) };
  });
  const all = over ? settled(pod, told) : told;
  const of = (...roles: Role[]) => all.filter((item) => roles.includes(item.role)).map((item) => item.status);
  // As upstream: init containers stay in their order, the others are sorted by name.
  const sorted = (role: Role) => of(role).sort((a, b) => (a.name < b.name ? -1 : 1));
  // Who waits for the end of a pod must not take it for ended while it runs.
  const verdict = running ? undefined : verdictOf(seen, pod, now);
  const ips = ipsOf(observed, pod, hostIps);
  const inits = of('init', 'sidecar');
  const ephemeral = sorted('ephemeral');
  const resize = over ? undefined : resizeStatus(seen, pod);
  const status: PodStatus = {
    phase: verdict ? 'Failed' : phaseOf(seen, pod, all, over),
    ...(verdict ?? { reason: before.reason, message: before.message }),
    ...(hostIps.length > 0 && { hostIP: hostIps[0], hostIPs: hostIps.map((ip) => ({ ip })) }),
    ...(ips.length > 0 && { podIP: ips[0], podIPs: ips.map((ip) => ({ ip })) }),
    startTime: before.startTime ?? formatTime(now),
    ...(inits.length > 0 && { initContainerStatuses: inits }),
    containerStatuses: sorted('main'),
    ...(ephemeral.length > 0 && { ephemeralContainerStatuses: ephemeral }),
    qosClass: before.qosClass ?? qosClassOf(pod.spec),
    ...(resize && { resize }),
  };
  // What has ended needs its sandbox no more: it is as good as gone.
  const sandboxReady = observed?.ready === true && !over;
  const disruption = verdict && notes.evicted?.disrupts ? notes.evicted.message : undefined;
  status.conditions = conditionsOf(pod, status, sandboxReady, formatTime(now), disruption);
  return status;
}

/** What the sandbox has, or had; a pod on the node's network has the node's from the beginning. */
function ipsOf(observed: Seen['observed'], pod: Pod, hostIps: readonly string[]): readonly string[] {
  if (observed?.ips.length) return observed.ips;
  const before = (pod.status?.podIPs ?? []).map(({ ip }) => ip);
  return before.length === 0 && pod.spec.hostNetwork ? hostIps : before;
}

/** The phase, by upstream's counting. `over` says nothing runs and nothing will. */
function phaseOf(seen: Seen, pod: Pod, all: WithRole[], over: boolean): NonNullable<PodStatus['phase']> {
  const before = pod.status?.phase;
  if (before === 'Succeeded' || before === 'Failed') return before;
  const inits = all.filter(({ role }) => role === 'init' || role === 'sidecar');
  const mains = all.filter(({ role }) => role === 'main').map(({ status }) => status);
  const never = pod.spec.restartPolicy === 'Never';
  if (never && inits.some(({ role, status }) => role === 'init' && failed(status))) return 'Failed';
  const waiting = mains.filter(({ state, lastState }) => state?.waiting && !lastState?.terminated).length;
  const running = mains.filter(({ state }) => state?.running).length;
  const stopped = mains.filter(
    ({ state, lastState }) => state?.terminated ?? (state?.waiting && lastState?.terminated),
  );
  const succeeded = stopped.filter(({ state }) => state?.terminated?.exitCode === 0).length;
  if (over) return waiting === 0 && stopped.length > 0 && succeeded === stopped.length ? 'Succeeded' : 'Failed';
  const hasInitialised = running > 0 || stopped.length > 0;
  if (!hasInitialised && inits.some(isPending)) return 'Pending';
  if (waiting > 0) return 'Pending';
  if (running > 0) return 'Running';
  if (stopped.length === 0) return 'Pending';
  if ((pod.spec.restartPolicy ?? 'Always') === 'Always') return 'Running';
  if (mains.some(({ name }) => isReplaced(seen, name))) return 'Running';
  if (succeeded === stopped.length) return 'Succeeded';
  return never ? 'Failed' : 'Running';
}

function failed({ state }: ContainerStatus): boolean {
  return state?.terminated !== undefined && state.terminated.exitCode !== 0;
}

function isPending({ role, status }: WithRole): boolean {
  return role === 'sidecar' ? !status.started : !status.ready;
}
