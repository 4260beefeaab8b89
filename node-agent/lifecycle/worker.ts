/**
 * Leads one pod through its life: looks, asks for the next step, takes it, looks again. Nothing is polled: what changes wakes the
 * worker. One worker for each uid, from its first sight to its last trace.
 */
import type { Pod } from '#lib/kinds/gen/core-v1.ts';
import { healthAfter } from '../probes/judge.ts';
import type { OnTally } from '../probes/prober.ts';
import { containersOf, reportedStatus, runsOf } from './containers.ts';
import { verdictOf } from './ending.ts';
import type { Hands } from './hands.ts';
import { resizeVerdict } from './resize.ts';
import { lastWordsMissing, nextStep, stageOf } from './next-step.ts';
import { perform } from './perform.ts';
import { stages } from './stages.ts';
import { fromApi, isStatic } from './static.ts';
import { makeStatusWriter } from './status-writer.ts';
import { statusOf } from './status.ts';
import { noNotes } from './types.ts';
import type { ContainerNotes, Eviction, Notes, Seen, Step } from './types.ts';

export interface Worker {
  readonly uid: string;
  /** Takes a newer state of the object, or undefined when the API has it no more. */
  setPod(pod: Pod | undefined): void;
  /** Takes the image that the API has of a static pod, whose status is written there; undefined for none. */
  setMirror(mirror: Pod | undefined): void;
  /** Something has changed: look again. */
  wake(): void;
  /** Ends the pod, whatever it is doing. */
  evict(eviction: Eviction): void;
  /** What was missing may be there now: do not wait for the retry. */
  retry(): void;
  seen(): Seen;
  /** Resolves when the worker has ended, by itself or because it was stopped. */
  done: Promise<void>;
  /** Lets go of the pod without touching it. */
  stop(): void;
}

const firstRetryMs = 500;
const longestRetryMs = 120_000;
const longestBlindRestMs = 5000;

/** Takes up a pod; with `refusal` only to refuse it. `others` are the node's other active pods. */
export function makeWorker(
  uid: string,
  first: Pod | undefined,
  hands: Hands,
  refusal: Notes['rejected'],
  others: () => readonly Pod[],
): Worker {
  const { env } = hands;
  const stopping = new AbortController();
  const log = env.log.with({ pod: first ? `${first.metadata.namespace}/${first.metadata.name}` : uid });
  let pod = first;
  let exists = first !== undefined;
  let notes: Notes = { ...noNotes, rejected: refusal, ...(first && mustAllocate(first, hands) && { admitting: true }) };
  let wakeUp: (() => void) | undefined;
  let woken = false;
  let current: { step: Step; abort: AbortController; startedAt: number } | undefined;
  let toldDeadline = false;
  const preStopped = new Set<string>();

  const ownPod = first !== undefined && isStatic(first);
  let mirror: Pod | undefined;

  const status = makeStatusWriter(
    hands,
    () => (ownPod ? mirror : exists ? pod : undefined),
    (answer) => {
      if (ownPod) acceptMirror(answer);
      else accept(answer);
      wake();
    },
  );
  const look = (): Seen => ({ pod, exists, observed: hands.observer.get(uid), notes });
  const note = (more: Partial<Notes>) => {
    notes = { ...notes, ...more };
  };
  const noteContainer = (name: string, more: ContainerNotes) => {
    note({ containers: { ...notes.containers, [name]: { ...notes.containers[name], ...more } } });
    wake();
  };

  /** Keeps the newer of two states of the object: a write's answer may come before the watch's event, or after a later one. */
  function accept(next: Pod): void {
    if (next.metadata.uid !== uid) return;
    const isOlder = pod && BigInt(next.metadata.resourceVersion) < BigInt(pod.metadata.resourceVersion);
    if (!isOlder) pod = fromApi(next);
  }

  function acceptMirror(next: Pod): void {
    if (mirror?.metadata.uid !== next.metadata.uid) return;
    if (BigInt(next.metadata.resourceVersion) >= BigInt(mirror.metadata.resourceVersion)) mirror = next;
  }

  function wake(): void {
    woken = true;
    wakeUp?.();
    if (!current) return;
    const seen = look();
    offerStatus(seen);
    if (overtaken(current.step, current.startedAt, seen, env.now())) current.abort.abort(new Error('overtaken'));
  }

  function offerStatus(seen: Seen): void {
    // An end is told together with its last words; only while another step is under way they may have to follow later.
    if (!current && lastWordsMissing(seen)) return;
    // Before it is taken, nothing is said of it, as upstream: an agent that starts anew finds it untouched.
    if (!seen.pod || !exists || (notes.admitting && !notes.rejected)) return;
    const told = statusOf(seen, seen.pod, hands.facts.hostIps, env.now());
    if (told.phase === 'Succeeded' || told.phase === 'Failed') giveBack();
    // Of a pod that the API does not have, the status is remembered here.
    if (ownPod) pod = { ...seen.pod, status: told };
    status.offer(told);
  }

  /** Who hears that a pod is over may send another in its stead at once, which must find what this one had. */
  function giveBack(): void {
    try {
      hands.cpus.release(uid);
      hands.devices.release(uid);
    } catch (error) {
      log.warn('Cannot write down that processors are free again, trying again when the pod is taken down', { error });
    }
  }

  function tellDeadline(seen: Seen): void {
    if (toldDeadline || !seen.pod || !exists || seen.pod.metadata.deletionTimestamp !== undefined) return;
    const verdict = verdictOf(seen, seen.pod, env.now());
    if (verdict?.reason !== 'DeadlineExceeded') return;
    toldDeadline = true;
    hands.events.record({ regarding: seen.pod, type: 'Normal', ...verdict });
  }

  /** Readiness of runs that an earlier agent left running is as that agent reported it, until probes say otherwise. */
  function adopt(): void {
    for (const { spec } of pod ? containersOf(pod) : []) {
      const run = runsOf(hands.observer.get(uid), spec.name)[0];
      if (run?.state !== 'running') continue;
      const before = reportedStatus(pod!, spec.name);
      const known = before?.containerID?.endsWith(run.id) ?? false;
      const health = { id: run.id, started: known && before!.started === true, ready: known && before!.ready };
      notes = { ...notes, containers: { ...notes.containers, [spec.name]: { health } } };
    }
  }

  function judgeResize(): void {
    const resize = pod && exists ? resizeVerdict(look(), pod, others, hands.room()) : undefined;
    if (resize !== notes.resize) note({ resize });
  }

  const onTally: OnTally = (container, runId, kind, tally) => {
    const health = notes.containers[container.name]?.health;
    if (health?.id !== runId || !pod) return;
    const after = healthAfter(health, pod, container, kind, tally);
    if (after !== health) noteContainer(container.name, { health: after });
  };

  async function take(step: Step): Promise<void> {
    const abort = new AbortController();
    current = { step, abort, startedAt: env.now() };
    const signal = AbortSignal.any([abort.signal, stopping.signal]);
    try {
      await perform(step, { hands, uid, look, note, noteContainer, accept, status, preStopped, signal });
      if (notes.trouble?.step === step.do) note({ trouble: undefined });
    } catch (error) {
      if (signal.aborted) return;
      log.warn('Step failed, trying again', { step: step.do, error });
      const count = notes.trouble?.step === step.do ? notes.trouble.count + 1 : 1;
      const delayMs = Math.min(firstRetryMs * 2 ** (count - 1), longestRetryMs);
      const message = error instanceof Error ? error.message : String(error);
      note({ trouble: { step: step.do, message, count, retryAt: env.now() + delayMs } });
      // Steps that have no retry of their own in the decision rest here, not for long: the pod may have to end meanwhile.
      if (!restsByDecision(step)) {
        await env.sleep(Math.min(delayMs, longestBlindRestMs), stopping.signal).catch(() => {});
      }
    } finally {
      current = undefined;
    }
  }

  /** Waits to be woken, or for the time. */
  function pause(untilMs: number | undefined): Promise<void> {
    if (woken || stopping.signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const cancel = untilMs === undefined ? undefined : env.after(untilMs - env.now(), () => wakeUp?.());
      wakeUp = () => {
        cancel?.();
        wakeUp = undefined;
        resolve();
      };
    });
  }

  async function live(): Promise<void> {
    adopt();
    if (pod && refusal) hands.events.record({ regarding: pod, type: 'Warning', ...refusal });
    while (!stopping.signal.aborted) {
      woken = false;
      judgeResize();
      const seen = look();
      tellDeadline(seen);
      offerStatus(seen);
      hands.prober.follow(uid, seen, onTally);
      const step = nextStep(seen, env.now());
      if (step.do === 'wait') await pause(step.untilMs);
      else await take(step);
      if (step.do === 'forget' && notes.trouble?.step !== 'forget') break;
    }
    hands.prober.follow(uid, undefined, onTally);
    hands.objects.hold(uid, [], [], '');
    status.stop();
  }

  const done = live().catch((error: unknown) => log.error('Worker ended', { error }));
  return {
    uid,
    done,
    seen: look,
    setPod(next) {
      if (next) accept(next);
      exists = next !== undefined;
      wake();
    },
    setMirror(next) {
      if (next === mirror) return;
      if (next && next.metadata.uid === mirror?.metadata.uid) acceptMirror(next);
      else mirror = next;
      wake();
    },
    wake,
    evict(eviction) {
      if (!pod || notes.evicted !== undefined) return;
      const { message, annotations, reason = 'Evicted' } = eviction;
      // Of a node that goes down its own event tells.
      if (reason === 'Evicted')
        hands.events.record({ regarding: pod, type: 'Warning', reason, message, ...(annotations && { annotations }) });
      note({ evicted: eviction });
      wake();
    },
    retry() {
      const containers = Object.fromEntries(
        Object.entries(notes.containers).map(([name, item]) => [
          name,
          item.problem?.reason === 'CreateContainerConfigError' ? { ...item, retryAt: undefined } : item,
        ]),
      );
      note({ containers, trouble: notes.trouble && { ...notes.trouble, retryAt: 0 } });
      wake();
    },
    stop() {
      stopping.abort(new Error('The agent stops'));
      wakeUp?.();
    },
  };
}

/** What has run got what there was when it began; its devices are looked at again when a container starts. */
function mustAllocate(pod: Pod, { devices, observer }: Hands): boolean {
  return devices.lacks(pod) && (observer.get(pod.metadata.uid)?.containers ?? []).length === 0;
}

/** Steps that leave nothing half done when they are cut short. */
const interruptible = new Set<Step['do']>(['allocate', 'mount', 'prepare', 'pull', 'start', 'delete']);

function restsByDecision(step: Step): boolean {
  return ['mount', 'prepare', 'resize', 'release', 'delete', 'report'].includes(step.do);
}

/**
 * Whether a step under way is not what the pod needs any more: its stage knows no such step, or a stop must now end sooner
 * than it would.
 */
function overtaken(step: Step, startedAt: number, seen: Seen, now: number): boolean {
  const stage = stageOf(seen, now);
  if (!(stages[stage].steps as readonly string[]).includes(step.do)) return interruptible.has(step.do);
  if (step.do !== 'stop') return false;
  const wanted = nextStep(seen, now);
  if (wanted.do !== 'stop') return false;
  const graceMs = (groups: typeof wanted.groups) => Math.max(0, ...groups.flat().map((item) => item.graceMs));
  return now + graceMs(wanted.groups) < startedAt + graceMs(step.groups);
}
