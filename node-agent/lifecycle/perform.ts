/** Takes one step for a pod. Every step may be cut short and taken again. */
import type { Pod } from '#lib/kinds/gen/core-v1.ts';
import { pod as podKind } from '#lib/kinds/pod.ts';
import { isReason } from '#lib/meta/errors.ts';
import { VolumeError } from '../volumes/failures.ts';
import { dnsFaults } from './dns.ts';
import type { Hands } from './hands.ts';
import { leaveLogs, readLastWords, removeLog } from './log-files.ts';
import { fieldPathOf } from './containers.ts';
import { pullImage } from './pull-image.ts';
import { asGiven, resizeByRules } from './resize.ts';
import { sandboxSpec } from './sandbox-spec.ts';
import { startContainer } from './start-container.ts';
import { stopContainers } from './stop-containers.ts';
import type { StatusWriter } from './status-writer.ts';
import type { ContainerNotes, Notes, Seen, Step } from './types.ts';

/** What a step has at hand, of its pod and of the node. */
export interface Scene {
  hands: Hands;
  uid: string;
  look(): Seen;
  note(more: Partial<Notes>): void;
  noteContainer(name: string, more: ContainerNotes): void;
  /** Takes a newer state of the pod's object. */
  accept(pod: Pod): void;
  status: StatusWriter;
  /** Runs whose preStop hook has been started; it is not run twice. */
  preStopped: Set<string>;
  signal: AbortSignal;
}

/** How long the watch may take to tell of a deletion before it is asked for again. */
const goneWithinMs = 5000;

/** Takes the step; rejects when it failed in a way that nothing but trying again mends. */
export async function perform(step: Step, scene: Scene): Promise<void> {
  const { hands, look, note, noteContainer, signal } = scene;
  const { pod } = look();
  switch (step.do) {
    case 'wait':
      return;
    case 'allocate':
      return allocate(pod!, scene);
    case 'mount':
      return mount(pod!, scene);
    case 'prepare':
      return prepare(asGiven(look(), pod!), scene);
    case 'hold': {
      const { container, reason, message, retryAt } = step;
      noteContainer(container, { problem: { reason, message }, retryAt });
      tellHold(step, pod!, hands);
      return;
    }
    case 'pull':
      return pullImage(step, pod!, scene);
    case 'start':
      return startContainer(step, asGiven(look(), pod!), scene);
    case 'resize':
      return hands.observer.put(
        await hands.runtime.resizePod(scene.uid, resizeByRules(step.to, pod!, hands.facts.memoryRules)),
      );
    case 'stop':
      return stopContainers(step.groups, scene);
    case 'discard':
      await hands.runtime.removeContainer(step.container.id);
      hands.observer.forgetFailedRun(scene.uid, step.container.id);
      await removeLog(step.container.logPath);
      return hands.observer.refresh(scene.uid);
    case 'report':
      await scene.status.settled(signal);
      return note({ reported: true });
    case 'release':
      return release(scene);
    case 'delete':
      return deleteObject(pod!, scene);
    case 'last-words': {
      const { id, name, logPath } = step.container;
      return noteContainer(name, { lastWords: { id, text: await readLastWords(logPath) } });
    }
    case 'forget':
      return leaveLogs(hands.facts.logDir, scene.uid, hands.env.now());
  }
}

async function allocate(pod: Pod, { hands, note, signal }: Scene): Promise<void> {
  const refusal = await hands.devices.give(pod, signal);
  if (refusal) hands.events.record({ regarding: pod, type: 'Warning', ...refusal });
  note({ admitting: false, rejected: refusal });
}

async function mount(pod: Pod, { hands, note, signal }: Scene): Promise<void> {
  try {
    note({ volumes: await hands.volumes.mount(pod, signal) });
  } catch (error) {
    if (error instanceof VolumeError && !signal.aborted) {
      for (const message of error.faults)
        hands.events.record({ regarding: pod, type: 'Warning', reason: 'FailedMount', message });
    }
    throw error;
  }
}

async function prepare(pod: Pod, { hands, signal }: Scene): Promise<void> {
  const { clusterDns, clusterDomain, hostDns } = hands.facts;
  for (const message of dnsFaults(pod, { dns: clusterDns, domain: clusterDomain }, hostDns)) {
    hands.events.record({ regarding: pod, type: 'Warning', reason: 'DNSConfigForming', message });
  }
  try {
    const spec = sandboxSpec(pod, hands.facts);
    hands.observer.put(await hands.limit(() => hands.runtime.preparePod(spec, signal)));
  } catch (error) {
    if (!signal.aborted) {
      const message = `Failed to create pod sandbox: ${error instanceof Error ? error.message : String(error)}`;
      hands.events.record({ regarding: pod, type: 'Warning', reason: 'FailedCreatePodSandBox', message });
    }
    throw error;
  }
}

async function release({ hands, uid, note }: Scene): Promise<void> {
  await hands.endings(() => hands.runtime.removePod(uid));
  hands.cpus.release(uid);
  hands.devices.release(uid);
  await hands.volumes.unmount(uid);
  await hands.observer.refresh(uid);
  note({ released: true, volumes: undefined });
}

/** Deletes the object for good, as its graceful deletion has come to its end, and waits until the watch tells that it is gone. */
async function deleteObject(pod: Pod, { hands, signal }: Scene): Promise<void> {
  const { name, namespace = '', uid } = pod.metadata;
  try {
    await hands.client.delete(podKind, { namespace, name }, { gracePeriodSeconds: 0, uid });
  } catch (error) {
    if (!isReason(error, 'NotFound', 'Conflict')) throw error;
  }
  await hands.env.sleep(goneWithinMs, signal);
}

function tellHold(step: Step & { do: 'hold' }, pod: Pod, { events }: Hands): void {
  const { name, namespace, uid } = pod.metadata;
  const about = { regarding: pod, fieldPath: fieldPathOf(pod, step.container) };
  if (step.reason === 'CrashLoopBackOff') {
    const message = `Back-off restarting failed container ${step.container} in pod ${name}_${namespace}(${uid})`;
    events.record({ ...about, type: 'Warning', reason: 'BackOff', message });
    return;
  }
  const message = `Back-off pulling image "${step.image}"`;
  events.record({ ...about, type: 'Normal', reason: 'BackOff', message });
  events.record({ ...about, type: 'Warning', reason: 'Failed', message: 'Error: ImagePullBackOff' });
}
