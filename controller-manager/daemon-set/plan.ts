/** Which nodes get a pod and which pods go, node by node: upstream's manage and rolling update. */
import type { DaemonSet } from '#lib/kinds/gen/apps-v1.ts';
import type { Node, Pod } from '#lib/kinds/gen/core-v1.ts';
import { scaledValue } from '#lib/meta/int-or-percent.ts';
import { parseTime } from '#lib/meta/time.ts';
import { isAvailable, isFinished } from '../pods.ts';
import { revisionLabel } from '../revisions.ts';
import { fitOf } from './node-fit.ts';

export interface Plan {
  /** Nodes that get a pod. */
  create: string[];
  remove: Pod[];
  /** Ended pods among those to remove. */
  ended: Pod[];
  /** When the next ended pod may be removed; Infinity when none waits. */
  waitMs: number;
}

/** A pod that ends at once is not replaced more often than this. */
const shortestLifeMs = 5000;

export interface Ground {
  set: DaemonSet;
  nodes: readonly Node[];
  /** All pods of the set by the node they are on, or are meant for. */
  podsByNode: ReadonlyMap<string, readonly Pod[]>;
  /** The hash of the current template. */
  hash: string;
  now: number;
}

/** The node a daemon pod is on or, before it is bound, was made for. */
export function nodeOf({ spec }: Pod): string {
  if (spec.nodeName) return spec.nodeName;
  const terms = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
  const fields = terms.flatMap(({ matchFields = [] }) => matchFields);
  return fields.find(({ key, operator }) => key === 'metadata.name' && operator === 'In')?.values?.[0] ?? '';
}

/** Keeps one running pod on each node that should have one, and none elsewhere. */
export function manage(ground: Ground): Plan {
  const { set, nodes, podsByNode } = ground;
  const plan: Plan = { create: [], remove: [], ended: [], waitMs: Infinity };
  for (const node of nodes) {
    const pods = podsByNode.get(node.metadata.name) ?? [];
    const { start, stay } = fitOf(set.spec.template.spec!, node);
    if (start && pods.length === 0) plan.create.push(node.metadata.name);
    else if (!stay) plan.remove.push(...pods.filter(isStaying));
    else manageNode(pods, ground, plan);
  }
  const known = new Set(nodes.map(({ metadata }) => metadata.name));
  for (const [name, pods] of podsByNode) {
    // Bound pods of a node that is gone are the business of the pod collector.
    if (!known.has(name)) plan.remove.push(...pods.filter((pod) => !pod.spec.nodeName && isStaying(pod)));
  }
  return plan;
}

function manageNode(pods: readonly Pod[], ground: Ground, plan: Plan): void {
  const staying = pods.filter(isStaying);
  const ended = staying.filter(isFinished);
  for (const pod of ended) {
    const leftMs = shortestLifeMs - (ground.now - (parseTime(pod.metadata.creationTimestamp) ?? 0));
    if (leftMs > 0) plan.waitMs = Math.min(plan.waitMs, leftMs);
    else plan.ended.push(pod);
  }
  plan.remove.push(...plan.ended.filter((pod) => ended.includes(pod)));
  const running = staying.filter((pod) => !isFinished(pod)).toSorted(byAge);
  const surging = surgeOf(ground) > 0;
  if (!surging) {
    plan.remove.push(...running.slice(1));
    return;
  }
  const fresh = running.filter((pod) => isFresh(pod, ground));
  const old = running.filter((pod) => !isFresh(pod, ground));
  plan.remove.push(...fresh.slice(1), ...old.slice(1));
}

/** Replaces pods of an old template within the limits of what may be missing, or may be there twice. */
export function roll(ground: Ground, managed: Plan): Plan {
  const plan: Plan = { create: [], remove: [], ended: [], waitMs: Infinity };
  const surge = surgeOf(ground);
  const busy = new Set(managed.remove);
  let spare = surge > 0 ? surge : missingAllowed(ground);
  const replace: Pod[] = [];
  const candidates: (() => void)[] = [];
  for (const node of desiredNodes(ground)) {
    const name = node.metadata.name;
    const pods = (ground.podsByNode.get(name) ?? []).filter((pod) => isStaying(pod) && !busy.has(pod));
    const fresh = pods.find((pod) => isFresh(pod, ground));
    const old = pods.find((pod) => !isFresh(pod, ground));
    const freshReady = fresh !== undefined && available(fresh, ground);
    if (surge > 0) {
      if (!old) continue;
      if (fresh) {
        if (freshReady || !available(old, ground)) replace.push(old);
        else spare--;
      } else if (!available(old, ground)) plan.create.push(name);
      else candidates.push(() => plan.create.push(name));
    } else if (!old) spare -= freshReady ? 0 : 1;
    else if (fresh) spare--;
    else if (!available(old, ground)) replace.push(old);
    else candidates.push(() => replace.push(old));
  }
  for (const go of candidates.slice(0, Math.max(0, spare))) go();
  plan.remove.push(...replace);
  return plan;
}

export function isFresh({ metadata }: Pod, { hash }: Pick<Ground, 'hash'>): boolean {
  return metadata.labels?.[revisionLabel] === hash;
}

export function available(pod: Pod, { set, now }: Pick<Ground, 'set' | 'now'>): boolean {
  return isAvailable(pod, set.spec.minReadySeconds ?? 0, now);
}

function desiredNodes({ set, nodes }: Pick<Ground, 'set' | 'nodes'>): Node[] {
  return nodes.filter((node) => fitOf(set.spec.template.spec!, node).start);
}

export function byAge(a: Pod, b: Pod): number {
  const bound = Number(!a.spec.nodeName) - Number(!b.spec.nodeName);
  if (bound !== 0) return bound;
  if (a.metadata.creationTimestamp !== b.metadata.creationTimestamp) {
    return a.metadata.creationTimestamp < b.metadata.creationTimestamp ? -1 : 1;
  }
  return a.metadata.name < b.metadata.name ? -1 : 1;
}

function isStaying({ metadata }: Pod): boolean {
  return metadata.deletionTimestamp === undefined;
}

function surgeOf(ground: Ground): number {
  const { updateStrategy } = ground.set.spec;
  if (updateStrategy?.type === 'OnDelete') return 0;
  return scaledValue(updateStrategy?.rollingUpdate?.maxSurge ?? 0, desiredNodes(ground).length, 'up');
}

/** At least one when nothing may be there twice, so that the update moves. */
function missingAllowed(ground: Ground): number {
  const source = ground.set.spec.updateStrategy?.rollingUpdate?.maxUnavailable ?? 1;
  const desired = desiredNodes(ground).length;
  return Math.max(scaledValue(source, desired, 'up'), desired > 0 ? 1 : 0);
}
