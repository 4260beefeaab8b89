/** How many pods of a PodDisruptionBudget may be evicted now. */
import type { Action } from '#lib/control/types.ts';
import type { Pod } from '#lib/kinds/gen/core-v1.ts';
import type { Condition } from '#lib/kinds/gen/meta-v1.ts';
import type { PodDisruptionBudget, PodDisruptionBudgetStatus } from '#lib/kinds/gen/policy-v1.ts';
import { podDisruptionBudget } from '#lib/kinds/pod-disruption-budget.ts';
import { conditionOf } from '#lib/meta/conditions.ts';
import { equal } from '#lib/meta/equal.ts';
import { scaledValue } from '#lib/meta/int-or-percent.ts';
import { formatTime, parseTime } from '#lib/meta/time.ts';
import { isReady } from '../pods.ts';

export interface Seen {
  budget: PodDisruptionBudget;
  /** Pods that the budget selects. */
  pods: Pod[];
  /** Replicas wanted by all controllers of these pods together; undefined when a pod has a controller without a size. */
  expectedScale: number | undefined;
  now: number;
}

/** An eviction that has not removed its pod after this long is forgotten. */
const evictionTimeoutMs = 120_000;

export function decide(seen: Seen): Action[] {
  const { budget, pods, now } = seen;
  if (budget.metadata.deletionTimestamp !== undefined) return [];
  const disrupted = pendingEvictions(budget, pods, now);
  const status = statusOf(seen, disrupted);
  const actions: Action[] = [];
  if (pods.length === 0 && status.observedGeneration !== budget.status?.observedGeneration) {
    actions.push({
      do: 'event',
      regarding: budget,
      type: 'Normal',
      reason: 'NoPods',
      message: 'No matching pods found',
    });
  }
  if (!equal(status, budget.status)) {
    const object: PodDisruptionBudget = { ...budget, status };
    actions.push({ do: 'status', kind: podDisruptionBudget, object });
  }
  const times = Object.values(disrupted).map((time) => (parseTime(time) ?? now) + evictionTimeoutMs - now);
  if (times.length > 0) actions.push({ do: 'wake', afterMs: Math.max(0, Math.min(...times)) });
  return actions;
}

function statusOf(seen: Seen, disrupted: Record<string, string>): PodDisruptionBudgetStatus {
  const { budget, pods } = seen;
  const { expected, desired } = wanted(seen);
  const healthy = pods.filter(
    (pod) => pod.metadata.deletionTimestamp === undefined && disrupted[pod.metadata.name] === undefined && isReady(pod),
  ).length;
  const allowed = expected <= 0 ? 0 : Math.max(0, healthy - desired);
  return {
    ...(budget.metadata.generation !== undefined && { observedGeneration: budget.metadata.generation }),
    ...(Object.keys(disrupted).length > 0 && { disruptedPods: disrupted }),
    disruptionsAllowed: allowed,
    currentHealthy: healthy,
    desiredHealthy: desired,
    expectedPods: expected,
    conditions: conditionsOf(seen, allowed),
  };
}

/** How many pods there should be, and how many of them healthy at least. */
function wanted({ budget, pods, expectedScale = 0 }: Seen): { expected: number; desired: number } {
  const { maxUnavailable, minAvailable } = budget.spec;
  if (maxUnavailable !== undefined) {
    return {
      expected: expectedScale,
      desired: Math.max(0, expectedScale - scaledValue(maxUnavailable, expectedScale, 'up')),
    };
  }
  if (typeof minAvailable === 'number') return { expected: pods.length, desired: minAvailable };
  if (minAvailable === undefined) return { expected: pods.length, desired: 1 };
  return { expected: expectedScale, desired: scaledValue(minAvailable, expectedScale, 'up') };
}

/** Evictions that the API has allowed and whose pods are still there: they count as disrupted already. */
function pendingEvictions({ status }: PodDisruptionBudget, pods: readonly Pod[], now: number): Record<string, string> {
  const there = new Map(pods.map((pod) => [pod.metadata.name, pod]));
  return Object.fromEntries(
    Object.entries(status?.disruptedPods ?? {}).filter(([name, time]) => {
      const pod = there.get(name);
      return pod && pod.metadata.deletionTimestamp === undefined && (parseTime(time) ?? 0) + evictionTimeoutMs > now;
    }),
  );
}

function conditionsOf({ budget, now }: Seen, allowed: number): Condition[] {
  const type = 'DisruptionAllowed';
  const status = allowed > 0 ? 'True' : 'False';
  const before = conditionOf(budget.status?.conditions, type);
  const others = (budget.status?.conditions ?? []).filter((condition) => condition.type !== type);
  const next: Condition = {
    type,
    status,
    reason: allowed > 0 ? 'SufficientPods' : 'InsufficientPods',
    message: '',
    lastTransitionTime: before?.status === status ? before.lastTransitionTime : formatTime(now),
    ...(budget.metadata.generation !== undefined && { observedGeneration: budget.metadata.generation }),
  };
  return [...others, next];
}
