/** Changing what running containers may use: what differs, whether the node can give it, and what the API hears. Pure. */
import type { Container, Pod, PodStatus, ResourceRequirements } from '#lib/kinds/gen/core-v1.ts';
import { podRequests, qosClassOf } from '#lib/kinds/pod-spec/resources.ts';
import { equal } from '#lib/meta/equal.ts';
import { parseQuantity } from '#lib/meta/quantities.ts';
import type { ObservedContainer, PodResize } from '../runtime/types.ts';
import { widest } from '../runtime/widest.ts';
import { refusalOf } from './admit.ts';
import type { NodeRoom } from './admit.ts';
import { containersOf, runsOf } from './containers.ts';
import { memoryRulesOf } from './memory-rules.ts';
import type { MemoryRules } from './memory-rules.ts';
import { containerResources, podResources } from './resources.ts';
import type { AnyContainer, Notes, Seen } from './types.ts';

/** Why a change waits: the node never has as much, or has not now. */
type ResizeVerdict = NonNullable<Notes['resize']>;

interface Change {
  spec: AnyContainer;
  run: ObservedContainer;
  /** The container's policy wants it started anew for this. */
  restarts: boolean;
}

const resizable = ['cpu', 'memory'] as const;

/** Whether the node can give the pod what it wants now; undefined when it can, or has. `others` are the other active pods, with what they were given. */
export function resizeVerdict(
  { observed }: Pick<Seen, 'observed'>,
  pod: Pod,
  others: () => readonly Pod[],
  room: NodeRoom,
): ResizeVerdict | undefined {
  if (changesOf(observed, pod).length === 0) return undefined;
  // As upstream: which processors such a pod has is settled when it comes.
  if (room.pinsCpus && qosClassOf(pod.spec) === 'Guaranteed') return 'Infeasible';
  const requests = podRequests(pod.spec);
  const beyond = (name: string) =>
    room.allocatable[name] !== undefined && (requests.get(name) ?? 0n) > parseQuantity(room.allocatable[name]);
  if (resizable.some(beyond)) return 'Infeasible';
  return refusalOf(pod, others(), room) ? 'Deferred' : undefined;
}

/** What to tell the runtime; undefined when all that runs has what it should have, or must wait for it. */
export function resizeToDo({ observed, notes }: Pick<Seen, 'observed' | 'notes'>, pod: Pod): PodResize | undefined {
  if (notes.resize || observed?.resources === undefined) return undefined;
  const running = changesOf(observed, pod).filter(({ run }) => run.state === 'running');
  const { pidsLimit, io } = observed.resources;
  const wanted = { ...podResources(pod), ...(pidsLimit !== undefined && { pidsLimit }), ...(io && { io }) };
  // Until a container that starts anew has done so, the pod must be wide enough for what it was and for what it becomes.
  const ofPod = running.some(({ restarts }) => restarts) ? widest(observed.resources, wanted) : wanted;
  const now = running.filter(({ restarts }) => !restarts);
  if (now.length === 0 && equal(observed.resources, ofPod)) return undefined;
  return {
    pod: ofPod,
    containers: now.map(({ spec, run }) => ({
      id: run.id,
      resources: containerResources(spec.resources),
      asked: spec.resources ?? {},
    })),
  };
}

/** With what the node's own rules add to what each container asks for. */
export function resizeByRules({ pod: ofPod, containers }: PodResize, pod: Pod, rules: MemoryRules): PodResize {
  return {
    pod: ofPod,
    containers: containers.map((each) => ({
      ...each,
      resources: { ...each.resources, ...memoryRulesOf(pod, each.asked, rules) },
    })),
  };
}

/** Whether a running container has to start anew to get what it should have. */
export function mustRestartToResize(
  { observed, notes }: Pick<Seen, 'observed' | 'notes'>,
  pod: Pod,
  run: ObservedContainer,
): boolean {
  return !notes.resize && changesOf(observed, pod).some((change) => change.restarts && change.run.id === run.id);
}

/** The pod with what its containers were given, while what it wants cannot be given. */
export function asGiven({ observed, notes }: Pick<Seen, 'observed' | 'notes'>, pod: Pod): Pod {
  if (!notes.resize) return pod;
  const given = (spec: Container): Container => {
    const asked = runsOf(observed, spec.name)[0]?.asked;
    return asked ? { ...spec, resources: asked } : spec;
  };
  const { containers, initContainers } = pod.spec;
  return {
    ...pod,
    spec: {
      ...pod.spec,
      containers: containers.map(given),
      ...(initContainers && { initContainers: initContainers.map(given) }),
    },
  };
}

/** `status.resize`. */
export function resizeStatus({ observed, notes }: Pick<Seen, 'observed' | 'notes'>, pod: Pod): PodStatus['resize'] {
  if (notes.resize) return notes.resize;
  return changesOf(observed, pod).some(({ run }) => run.state === 'running') ? 'InProgress' : undefined;
}

/** Containers whose latest run was given something else than the pod wants now, sidecars among them. Of runs that nothing is known of, none. */
function changesOf(observed: Seen['observed'], pod: Pod): Change[] {
  const lasting = containersOf(pod).filter(({ role }) => role === 'main' || role === 'sidecar');
  return lasting.flatMap(({ spec }) => {
    const run = runsOf(observed, spec.name)[0];
    if (run?.asked === undefined) return [];
    const changed = resizable.filter((name) => !sameAmounts(name, run.asked, spec.resources));
    const restarts = changed.some((name) =>
      spec.resizePolicy?.some((each) => each.resourceName === name && each.restartPolicy === 'RestartContainer'),
    );
    return changed.length === 0 ? [] : [{ spec, run, restarts }];
  });
}

function sameAmounts(name: string, a: ResourceRequirements = {}, b: ResourceRequirements = {}): boolean {
  return (['limits', 'requests'] as const).every((side) => {
    const [x, y] = [a[side]?.[name], b[side]?.[name]];
    return x === undefined || y === undefined ? x === y : parseQuantity(x) === parseQuantity(y);
  });
}
