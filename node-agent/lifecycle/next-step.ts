/**
 * The one decision of the lifecycle: what to do next for a pod, from what is seen of it now. The order of things is the kubelet's: volumes,
 * sandbox, init containers one after the other, main containers in their order; at the end stop, report, release, delete.
 */
import type { Pod } from '#lib/kinds/gen/core-v1.ts';
import type { ObservedContainer } from '../runtime/types.ts';
import { formatSeconds, restEnds } from './backoff.ts';
import { containersOf, doingOf, hasInitialised, hasStarted, isOfThisSandbox, runsAgain, runsOf } from './containers.ts';
import type { Doing } from './containers.ts';
import { deadlineOf, mustEnd } from './ending.ts';
import type { Stage } from './stages.ts';
import { isStatic } from './static.ts';
import { mustRestartToResize, resizeToDo } from './resize.ts';
import { imageTrouble } from './texts.ts';
import type { AnyContainer, Doom, Role, Seen, Step, Stopping } from './types.ts';

const wait = (untilMs?: number): Step => ({ do: 'wait', untilMs });

/** How many runs of a container are kept: the latest, and the one before for `lastState` and `logs --previous`. */
const keptRuns = 2;

/** How long ErrImagePull shows before ImagePullBackOff takes its place. */
const failureShownMs = 2000;

/** How soon the node is asked again for what it could not give. */
const deferredMs = 10_000;

/** Grace of pods whose object is gone, and of evicted ones when nothing else is said, as upstream: the least there is. */
const orphanGraceMs = 1000;

/** The stage a pod is in. */
export function stageOf(seen: Seen, now: number): Stage {
  const { pod, exists, observed, notes } = seen;
  const running = observed?.containers.some((run) => run.state === 'running') ?? false;
  if (!pod || !exists) return running ? 'stopping' : notes.released && !observed ? 'gone' : 'releasing';
  if (mustEnd(seen, pod, now)) {
    if (running) return 'stopping';
    if (!notes.reported) return notes.rejected ? 'rejected' : 'reporting';
    if (!notes.released || observed) return 'releasing';
    return pod.metadata.deletionTimestamp === undefined ? 'finished' : 'deleting';
  }
  if (notes.admitting) return 'admitting';
  if (notes.volumes === undefined) return 'mounting';
  if (!observed?.ready) return 'preparing';
  return hasInitialised(seen, pod) || firstUnfinishedInit(seen, pod) === undefined ? 'running' : 'initialising';
}

/** The next step for a pod. Pure: the same view at the same time gives the same step. */
export function nextStep(seen: Seen, now: number): Step {
  const { pod } = seen;
  switch (stageOf(seen, now)) {
    case 'stopping':
      return { do: 'stop', groups: stopGroups(seen) };
    case 'rejected':
      return { do: 'report' };
    case 'reporting':
      return lastWordsMissing(seen) ?? unlessResting(seen, 'report', now) ?? { do: 'report' };
    case 'releasing':
      return unlessResting(seen, 'release', now) ?? { do: 'release' };
    case 'deleting':
      return keptByOthers(pod!) ? wait() : (unlessResting(seen, 'delete', now) ?? { do: 'delete' });
    case 'finished':
      return wait();
    case 'gone':
      return { do: 'forget' };
    case 'admitting':
      return { do: 'allocate' };
    case 'mounting':
      return unlessResting(seen, 'mount', now) ?? { do: 'mount' };
    case 'preparing': {
      const leftovers = (seen.observed?.containers ?? []).filter((run) => run.state === 'running');
      if (leftovers.length > 0) return { do: 'stop', groups: [leftovers.map((run) => stopping(seen, run, undefined))] };
      return unlessResting(seen, 'prepare', now) ?? { do: 'prepare' };
    }
    case 'initialising':
      return lastWordsMissing(seen) ?? initialise(seen, pod!, now);
    case 'running':
      return lastWordsMissing(seen) ?? keepRunning(seen, pod!, now);
  }
}

function unlessResting({ pod, notes }: Seen, step: string, now: number): Step | undefined {
  if (notes.trouble?.step !== step || notes.trouble.retryAt <= now) return undefined;
  const deadline = pod && deadlineOf(pod);
  return wait(earliest([notes.trouble.retryAt], deadline !== undefined && deadline > now ? deadline : undefined));
}

/** Whether this node has done its part of the deletion, and finalizers of others are what it waits for. */
function keptByOthers({ metadata }: Pod): boolean {
  return metadata.deletionGracePeriodSeconds === 0 && (metadata.finalizers ?? []).length > 0;
}

/** The step that reads a container's last words: it may ask that its log speaks for it when it failed without a message. */
export function lastWordsMissing({ pod, observed, notes }: Seen): Step | undefined {
  for (const { spec } of pod ? containersOf(pod) : []) {
    if (spec.terminationMessagePolicy !== 'FallbackToLogsOnError') continue;
    const run = runsOf(observed, spec.name)[0];
    if (run?.state !== 'exited' || run.exitCode === 0 || run.message) continue;
    if (notes.containers[spec.name]?.lastWords?.id !== run.id) return { do: 'last-words', container: run };
  }
  return undefined;
}

/** Sidecars that have had their turn run on, the next init container has its turn; and a debugger may look at what holds it up. */
function initialise(seen: Seen, pod: Pod, now: number): Step {
  const waits: number[] = [];
  const resize = resizeNow(seen, pod, now, waits);
  if (resize) return resize;
  const all = containersOf(pod);
  const next = firstUnfinishedInit(seen, pod);
  const turns = all.slice(0, all.findIndex(({ spec }) => spec === next) + 1);
  const driven = [
    ...turns.filter(({ spec, role }) => role === 'sidecar' || spec === next),
    ...all.filter(({ role }) => role === 'ephemeral'),
  ];
  for (const { spec, role } of driven) {
    const step = drive(seen, pod, spec, role, now);
    if (step.do !== 'wait') return step;
    if (step.untilMs !== undefined) waits.push(step.untilMs);
  }
  return wait(earliest(waits, deadlineOf(pod)));
}

function keepRunning(seen: Seen, pod: Pod, now: number): Step {
  const waits: number[] = [];
  const resize = resizeNow(seen, pod, now, waits);
  if (resize) return resize;
  for (const { spec, role } of containersOf(pod)) {
    if (role === 'init') continue;
    const step = drive(seen, pod, spec, role, now);
    if (step.do !== 'wait') return step;
    if (step.untilMs !== undefined) waits.push(step.untilMs);
  }
  return wait(earliest(waits, deadlineOf(pod)));
}

/** The step that gives running containers, and their pod, what they ask for now; when that has to wait, `waits` learns until when. */
function resizeNow(seen: Seen, pod: Pod, now: number, waits: number[]): Step | undefined {
  if (seen.notes.resize === 'Deferred') waits.push(now + deferredMs);
  const to = resizeToDo(seen, pod);
  const rest = to && unlessResting(seen, 'resize', now);
  if (to && !rest) return { do: 'resize', to };
  if (rest?.do === 'wait' && rest.untilMs !== undefined) waits.push(rest.untilMs);
  return undefined;
}

/** The next step for one container that should run, or run to its end. */
function drive(seen: Seen, pod: Pod, spec: AnyContainer, role: Role, now: number): Step {
  const notes = seen.notes.containers[spec.name];
  const spare = runsOf(seen.observed, spec.name)[keptRuns];
  if (spare) return { do: 'discard', container: spare };
  const doing = doingOf(seen, pod, spec.name);
  if (doing.is === 'running') return overseeRunning(seen, pod, spec, role, doing.run);
  if (doing.is === 'ended' && !shouldRestart(seen, pod, role, spec, doing)) return wait();
  const attempt = doing.is === 'ended' ? doing.attempt + 1 : doing.attempt;
  const rested = doing.is === 'ended' ? restEnds(notes?.crashes, doing.finishedAt) : now;
  if (rested > now) {
    const message = `back-off ${formatSeconds(notes!.crashes!.delayMs)} restarting failed container=${spec.name} pod=${podText(pod)}`;
    return holdUntil(
      rested,
      { do: 'hold', container: spec.name, reason: 'CrashLoopBackOff', message, retryAt: rested },
      seen,
    );
  }
  if (notes?.retryAt !== undefined && notes.retryAt > now) return restFor(notes.retryAt, spec, seen, now);
  if (notes?.pulled?.attempt !== attempt) return { do: 'pull', container: spec.name, attempt };
  return { do: 'start', container: spec.name, role, attempt };
}

/** Waits for a retry. A failed pull shows as itself for a moment, so that watchers see why, and then as back-off. */
function restFor(retryAt: number, spec: AnyContainer, seen: Seen, now: number): Step {
  const { problem, pulls, failedImage: image = spec.image ?? '' } = seen.notes.containers[spec.name] ?? {};
  if (problem?.reason !== 'ErrImagePull') return wait(retryAt);
  const shownUntil = Math.min(retryAt, (pulls?.updatedAt ?? 0) + failureShownMs);
  if (now < shownUntil) return wait(shownUntil);
  const message = imageTrouble(image, problem);
  return { do: 'hold', container: spec.name, reason: 'ImagePullBackOff', message, retryAt, image };
}

function holdUntil(untilMs: number, hold: Step & { do: 'hold' }, seen: Seen): Step {
  const problem = seen.notes.containers[hold.container]?.problem;
  return problem?.reason === hold.reason && problem.message === hold.message ? wait(untilMs) : hold;
}

function shouldRestart(seen: Seen, pod: Pod, role: Role, spec: AnyContainer, doing: Doing & { is: 'ended' }): boolean {
  const again = runsAgain(seen, pod, role, spec.name, doing);
  if (role !== 'init') return again;
  const run = runsOf(seen.observed, spec.name)[0];
  const lost = run === undefined || !isOfThisSandbox(seen.observed, run);
  return lost || again;
}

/** A running container is left alone, unless it is doomed or the pod now wants another image for it, or resources that it must start anew for. */
function overseeRunning(seen: Seen, pod: Pod, spec: AnyContainer, role: Role, run: ObservedContainer): Step {
  const health = seen.notes.containers[spec.name]?.health;
  if (health?.id === run.id && health.doomed) {
    return { do: 'stop', groups: [[stopping(seen, run, health.doomed.message, health.doomed)]] };
  }
  if (role !== 'init' && role !== 'ephemeral' && spec.image !== undefined && run.image !== spec.image) {
    const changed =
      role === 'sidecar'
        ? `Init container ${spec.name} definition changed`
        : `Container ${spec.name} definition changed, will be restarted`;
    return { do: 'stop', groups: [[stopping(seen, run, changed, { replaced: true })]] };
  }
  if (mustRestartToResize(seen, pod, run)) {
    return {
      do: 'stop',
      groups: [[stopping(seen, run, `Container ${spec.name} resize requires restart`, { replaced: true })]],
    };
  }
  return wait();
}

/** The first init container that has not done its part: a regular one must have succeeded, a sidecar must have started. */
function firstUnfinishedInit(seen: Seen, pod: Pod): AnyContainer | undefined {
  return containersOf(pod).find(({ spec, role }) => {
    const run = runsOf(seen.observed, spec.name)[0];
    if (role === 'sidecar') return run === undefined || !hasStarted(seen, spec, run);
    if (role !== 'init') return false;
    return run?.state !== 'exited' || run.exitCode !== 0 || !isOfThisSandbox(seen.observed, run);
  })?.spec;
}

/** What runs, in the order it ends: main and ephemeral containers at once, then sidecars from last to first. */
function stopGroups(seen: Seen): Stopping[][] {
  const { pod, observed } = seen;
  const running = (observed?.containers ?? []).filter((run) => run.state === 'running');
  const sidecars = pod ? containersOf(pod).filter(({ role }) => role === 'sidecar') : [];
  const isSidecar = (run: ObservedContainer) => sidecars.some(({ spec }) => spec.name === run.name);
  const say = (run: ObservedContainer) => stopping(seen, run, `Stopping container ${run.name}`);
  const last = sidecars
    .toReversed()
    .flatMap(({ spec }) => running.filter((run) => run.name === spec.name).map((run) => [say(run)]));
  const first = running.filter((run) => !isSidecar(run)).map(say);
  return first.length > 0 ? [first, ...last] : last;
}

function stopping(
  seen: Seen,
  run: ObservedContainer,
  message: string | undefined,
  { graceSeconds, replaced = false }: Omit<Doom, 'message'> = {},
): Stopping {
  return {
    id: run.id,
    name: run.name,
    graceMs: graceSeconds === undefined ? graceOf(seen) : Math.max(1, graceSeconds) * 1000,
    message: seen.pod ? message : undefined,
    ...(replaced && { replaced }),
  };
}

/** The grace a container of this pod gets; as upstream it is never less than a second. */
function graceOf({ pod, exists, notes }: Seen): number {
  if (!pod) return orphanGraceMs;
  if (notes.evicted !== undefined) return (notes.evicted.graceSeconds ?? 1) * 1000;
  const { deletionGracePeriodSeconds, deletionTimestamp } = pod.metadata;
  if (!exists && deletionTimestamp === undefined && !isStatic(pod)) return orphanGraceMs;
  return Math.max(1, deletionGracePeriodSeconds ?? pod.spec.terminationGracePeriodSeconds ?? 30) * 1000;
}

function earliest(times: number[], more: number | undefined): number | undefined {
  const all = more === undefined ? times : [...times, more];
  return all.length === 0 ? undefined : Math.min(...all);
}

function podText(pod: Pod): string {
  return `${pod.metadata.name}_${pod.metadata.namespace}(${pod.metadata.uid})`;
}
