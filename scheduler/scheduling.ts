/**
 * The scheduler at work: follows the view, takes pods from the queue, places them, and carries the outcome out. A chosen place
 * counts as taken at once; the binding follows while the next pods are placed, and a failed one gives the place back.
 */
import type { Client, View, ViewChange } from '#lib/client/types.ts';
import type { Env } from '#lib/env/env.ts';
import type { Pod } from '#lib/kinds/gen/core-v1.ts';
import { podDisruptionBudget } from '#lib/kinds/pod-disruption-budget.ts';
import { pod as podKind } from '#lib/kinds/pod.ts';
import { conditionOf } from '#lib/meta/conditions.ts';
import { equal } from '#lib/meta/equal.ts';
import { isReason } from '#lib/meta/errors.ts';
import type { Resource } from '#lib/meta/object.ts';
import { bind } from './bind.ts';
import { Cluster } from './cluster/cluster.ts';
import type { NodeInfo } from './cluster/node-info.ts';
import { podInfo } from './cluster/pod-info.ts';
import type { PodInfo } from './cluster/pod-info.ts';
import { evict } from './evict.ts';
import { explain } from './explain.ts';
import { applyChange, asChanges } from './follow.ts';
import type { Help } from './follow.ts';
import { place, refusalOn } from './place.ts';
import type { NoFit } from './place.ts';
import { makeStatusWriter } from './pod-status.ts';
import { preempt } from './preempt.ts';
import { SchedulingQueue } from './queue.ts';
import type { Waiting } from './queue.ts';

export interface Surroundings {
  /** Complete, and following the kinds of `followed`. */
  view: View;
  client: Client;
  record(occurrence: { regarding: Resource; type: 'Normal' | 'Warning'; reason: string; message: string }): void;
  env: Env;
  /** Pods with this `schedulerName` are ours. */
  name: string;
}

/** Bindings under way at a time; placing waits when they are so many. */
const bindingLimit = 256;
/** Placing pauses after this long or so many pods, so that answers and changes get in. */
const sliceMs = 10;
const slicePods = 200;
/** A parked pod is tried again after this long even when nothing seems to have helped it. */
const parkedLimitMs = 5 * 60_000;

/** Schedules until aborted, then waits for the bindings under way. */
export async function schedule(surroundings: Surroundings, signal: AbortSignal): Promise<void> {
  const { view, client, record, env, name } = surroundings;
  const cluster = new Cluster();
  const queue = new SchedulingQueue();
  const statuses = makeStatusWriter(client, env, signal);
  /** Uids of pods that count on a node without the view knowing it yet. */
  const assumed = new Set<string>();
  const underWay = new Set<Promise<void>>();
  let bindings = 0;
  let start = 0;
  let running = false;
  let placedAny = false;
  let cancelTimer = () => {};

  function follow(changes: readonly ViewChange[]): void {
    const help: Help = { nodes: new Set(), wide: false };
    for (const change of changes) {
      if (change.kind === podKind) followPod(change.object as Pod | undefined, change.before as Pod | undefined, help);
      else applyChange(cluster, change, help);
    }
    wake(help);
    run();
  }

  function followPod(object: Pod | undefined, before: Pod | undefined, help: Help): void {
    const { uid } = (object ?? before)!.metadata;
    if (before && before.metadata.uid !== uid) forgetPod(before.metadata.uid, help);
    if (!object || object.status?.phase === 'Succeeded' || object.status?.phase === 'Failed') forgetPod(uid, help);
    else if (object.spec.nodeName) followPlaced(podInfo(object), object.spec.nodeName, help);
    else if (object.spec.schedulerName === name) followPending(object, before);
  }

  function forgetPod(uid: string, help: Help): void {
    const nodeName = cluster.nodeOfPod(uid) ?? cluster.promisedNode(uid)?.name;
    if (nodeName !== undefined) {
      help.nodes.add(nodeName);
      help.wide = true;
    }
    assumed.delete(uid);
    statuses.forget(uid);
    queue.remove(uid);
    cluster.withdraw(uid);
    cluster.removePod(uid);
  }

  function followPlaced(info: PodInfo, nodeName: string, help: Help): void {
    assumed.delete(info.uid);
    statuses.forget(info.uid);
    queue.remove(info.uid);
    cluster.withdraw(info.uid);
    const known = cluster.nodeOfPod(info.uid);
    if (!cluster.setPod(info, nodeName)) return;
    help.nodes.add(nodeName);
    if (known !== undefined) help.nodes.add(known);
    help.wide = true;
  }

  function followPending(pod: Pod, before: Pod | undefined): void {
    const info = podInfo(pod);
    const { nominatedNodeName } = pod.status ?? {};
    // A promise just made here is not yet in the pod; only one that was there can be taken back.
    if (nominatedNodeName) cluster.nominate(info, nominatedNodeName);
    else if (before?.status?.nominatedNodeName) cluster.withdraw(info.uid);
    if (assumed.has(info.uid)) return;
    if (info.terminating) return queue.remove(info.uid);
    if (pod.spec.schedulingGates?.length) {
      queue.remove(info.uid);
      if (conditionOf(pod.status?.conditions, 'PodScheduled')?.reason !== 'SchedulingGated')
        statuses.write(pod, gatedStatus);
      return;
    }
    if (!queue.get(info.uid)) return queue.add(info);
    const again = !equal(before?.spec, pod.spec) || !equal(before?.metadata.labels, pod.metadata.labels);
    queue.update(info, again, env.monotonic());
  }

  /** Tries parked pods again that could go to one of the nodes that changed. */
  function wake(help: Help): void {
    if (help.nodes.size === 0 && !help.wide) return;
    const nodes = [...help.nodes].flatMap((nodeName) => cluster.nodeNamed(nodeName) ?? []);
    const now = env.monotonic();
    queue.wake((waiting) => {
      if (help.wide && waiting.far) return true;
      for (const node of nodes) {
        const refusal = refusalOn(node, waiting.info, cluster);
        if (!refusal) return true;
        waiting.far ||= refusal.far;
      }
      return false;
    }, now);
  }

  function run(): void {
    if (running || signal.aborted) return;
    running = true;
    track(placeAll());
  }

  async function placeAll(): Promise<void> {
    cancelTimer();
    while (!signal.aborted) {
      queue.releaseRested(env.monotonic());
      const more = placeSome();
      if (!more && !placedAny) break;
      // Whoever waits for company, or for others to be spread, may go now.
      if (placedAny) wake({ nodes: new Set(), wide: true });
      placedAny = false;
      await env.sleep(0, signal).catch(() => {});
    }
    const due = queue.nextRested();
    if (due !== undefined) cancelTimer = env.after(due - env.monotonic(), run);
    running = false;
  }

  /** Whether there may be more to place at once. */
  function placeSome(): boolean {
    const until = env.monotonic() + sliceMs;
    for (let count = 0; count < slicePods && env.monotonic() <= until; count++) {
      if (bindings >= bindingLimit) return false;
      const waiting = queue.pop();
      if (!waiting) return false;
      attempt(waiting);
    }
    return true;
  }

  function attempt(waiting: Waiting): void {
    const { info } = waiting;
    try {
      const placement = place(info, cluster, { start, random: env.random });
      start = (start + placement.visited) % Math.max(1, cluster.nodes.length);
      if (placement.node) assume(waiting, placement.node);
      else giveUp(waiting, placement.noFit);
    } catch (error) {
      // A pod that cannot even be read must not keep the others waiting.
      env.log.error('Cannot place pod', { pod: `${info.namespace}/${info.name}`, error });
      fail(waiting, 'SchedulerError', error instanceof Error ? error.message : String(error));
    }
  }

  function assume(waiting: Waiting, node: NodeInfo): void {
    const { info } = waiting;
    cluster.withdraw(info.uid);
    cluster.setPod(info, node.name);
    placedAny = true;
    assumed.add(info.uid);
    statuses.forget(info.uid);
    bindings++;
    track(carryOut(waiting, node.name).finally(() => bindings--));
  }

  async function carryOut(waiting: Waiting, nodeName: string): Promise<void> {
    const { info } = waiting;
    try {
      await bind(client, info.pod, nodeName, env, signal);
      queue.remove(info.uid);
      const message = `Successfully assigned ${info.namespace}/${info.name} to ${nodeName}`;
      record({ regarding: info.pod, type: 'Normal', reason: 'Scheduled', message });
    } catch (error) {
      if (signal.aborted) return;
      env.log.warn('Cannot bind pod', { pod: `${info.namespace}/${info.name}`, node: nodeName, error });
      // The view may have told the truth meanwhile: bound after all, or gone.
      if (!assumed.delete(info.uid)) return;
      cluster.removePod(info.uid);
      wake({ nodes: new Set([nodeName]), wide: true });
      if (isReason(error, 'NotFound')) queue.remove(info.uid);
      else
        fail(waiting, 'SchedulerError', `binding rejected: ${error instanceof Error ? error.message : String(error)}`);
    } finally {
      run();
    }
  }

  function giveUp(waiting: Waiting, noFit: NoFit): void {
    const { info } = waiting;
    waiting.far = noFit.everywhere?.far ?? noFit.byNode.values().some(({ far }) => far);
    if (noFit.nodes === 0) return tell(waiting, explain(noFit));
    const budgets = view.list(podDisruptionBudget);
    const outcome = preempt(info, cluster, noFit, budgets, env.random);
    if (!outcome.node) {
      const waitsForVictims = outcome.note !== undefined && 'said' in outcome.note;
      const promised = cluster.promisedNode(info.uid);
      if (promised && !waitsForVictims) cluster.withdraw(info.uid);
      return tell(waiting, explain(noFit, outcome.note), promised && !waitsForVictims ? null : undefined);
    }
    takePromisesBack(outcome.node, info.priority);
    cluster.nominate(info, outcome.node.name);
    tell(waiting, explain(noFit), outcome.node.name);
    for (const victim of outcome.victims) track(evict(victim.pod, info.pod, outcome.node.name, surroundings));
  }

  /** Room promised to lesser pods is needed now; they must look again. */
  function takePromisesBack(node: NodeInfo, priority: number): void {
    for (const lesser of node.nominated.values()) {
      if (lesser.priority >= priority) continue;
      cluster.withdraw(lesser.uid);
      const waiting = queue.get(lesser.uid);
      if (!waiting) continue;
      const message = conditionOf(lesser.pod.status?.conditions, 'PodScheduled')?.message ?? '';
      statuses.write(waiting.info.pod, { reason: 'Unschedulable', message, nominatedNodeName: null });
      queue.update(waiting.info, true, env.monotonic());
    }
  }

  function tell(waiting: Waiting, message: string, nominatedNodeName?: string | null): void {
    const { pod } = waiting.info;
    const promise = nominatedNodeName === undefined ? {} : { nominatedNodeName };
    queue.park(waiting, env.monotonic());
    record({ regarding: pod, type: 'Warning', reason: 'FailedScheduling', message });
    statuses.write(pod, { reason: 'Unschedulable', message, ...promise });
  }

  function fail(waiting: Waiting, reason: 'SchedulerError', message: string): void {
    const { pod } = waiting.info;
    queue.retry(waiting, env.monotonic());
    record({ regarding: pod, type: 'Warning', reason: 'FailedScheduling', message });
    statuses.write(pod, { reason, message });
  }

  function sweep(): void {
    const now = env.monotonic();
    queue.wake(({ parkedAt }) => now - parkedAt >= parkedLimitMs, now);
    run();
    cancelSweep = env.after(parkedLimitMs / 10, sweep);
  }

  function track(work: Promise<void>): void {
    underWay.add(work);
    void work
      .catch((error: unknown) => env.log.error('Scheduling failed', { error }))
      .finally(() => underWay.delete(work));
  }

  let cancelSweep = env.after(parkedLimitMs / 10, sweep);
  const stopFollowing = view.onChange(follow);
  follow(asChanges(view));
  await aborted(signal);
  stopFollowing();
  cancelTimer();
  cancelSweep();
  await Promise.allSettled(underWay);
}

const gatedStatus = {
  reason: 'SchedulingGated',
  message: 'Scheduling is blocked due to non-empty scheduling gates',
} as const;

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
