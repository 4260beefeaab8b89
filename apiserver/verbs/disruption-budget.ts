/** What PodDisruptionBudgets say to an eviction, as upstream's `registry/core/pod/storage/eviction.go`. */
import type { Pod } from '#lib/kinds/gen/core-v1.ts';
import type { Condition as MetaCondition } from '#lib/kinds/gen/meta-v1.ts';
import type { PodDisruptionBudget } from '#lib/kinds/gen/policy-v1.ts';
import { podDisruptionBudget } from '#lib/kinds/pod-disruption-budget.ts';
import { conditionOf, isTrue, withCondition } from '#lib/meta/conditions.ts';
import { ApiError, forbidden, plainError } from '#lib/meta/errors.ts';
import { fromLabelSelector, matches } from '#lib/meta/selectors.ts';
import { formatTime } from '#lib/meta/time.ts';

export type Consent =
  | { do: 'delete' }
  /** Only as long as it is as it was seen: it must not have become ready, which a budget of this name would count, or started, meanwhile. */
  | { do: 'delete-unchanged'; budget?: string }
  /** Once a disruption has been taken from this budget. */
  | { do: 'spend'; budget: PodDisruptionBudget };

/** The condition that says whether a budget has disruptions left. */
const allowed = 'DisruptionAllowed';

/** As upstream names budgets here. */
const resource = { group: podDisruptionBudget.group, plural: podDisruptionBudget.singular };

/** Evictions of one budget that its controller has not yet heard of, at most. */
const pendingLimit = 2000;

/** What an eviction of this pod needs; `budgets` are those of its namespace. Throws when more than one covers it. */
export function consentTo(pod: Pod, budgets: Iterable<PodDisruptionBudget>): Consent {
  const phase = pod.status?.phase ?? 'Pending';
  if (phase === 'Succeeded' || phase === 'Failed' || pod.metadata.deletionTimestamp !== undefined) {
    return { do: 'delete' };
  }
  if (phase === 'Pending') return { do: 'delete-unchanged' };
  const covering = [...budgets].filter((budget) => covers(budget, pod));
  if (covering.length > 1) {
    throw plainError(
      'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.',
    );
  }
  const [budget] = covering;
  if (!budget) return { do: 'delete' };
  const unready = !isTrue(pod.status?.conditions, 'Ready');
  if (unready && allowsUnready(budget)) return { do: 'delete-unchanged', budget: budget.metadata.name };
  return { do: 'spend', budget };
}

/** The budget with one disruption less, the pod among those about to go; throws TooManyRequests when it allows none. */
export function spend(budget: PodDisruptionBudget, podName: string, nowMs: number): PodDisruptionBudget {
  const { name, generation = 0 } = budget.metadata;
  const { status } = budget;
  if (!status || (status.observedGeneration ?? 0) < generation) throw stillProcessed(name);
  const { disruptionsAllowed, disruptedPods = {}, desiredHealthy, currentHealthy } = status;
  if (disruptionsAllowed < 0) throw forbidden(resource, name, 'pdb disruptions allowed is negative');
  if (Object.keys(disruptedPods).length > pendingLimit) {
    throw forbidden(resource, name, 'DisruptedPods map too big - too many evictions not confirmed by PDB controller');
  }
  if (disruptionsAllowed === 0) {
    const condition = conditionOf(status.conditions, allowed);
    const failed = condition?.status === 'False' && condition.reason === 'SyncFailed';
    throw refused(
      failed
        ? `The disruption budget ${name} does not allow evicting pods currently because it failed sync: ${condition.message ?? ''}`
        : `The disruption budget ${name} needs ${desiredHealthy} healthy pods and has ${currentHealthy} currently`,
    );
  }
  const time = formatTime(nowMs);
  const left = disruptionsAllowed - 1;
  return {
    ...budget,
    status: {
      ...status,
      disruptionsAllowed: left,
      disruptedPods: { ...disruptedPods, [podName]: time },
      ...(left === 0 && { conditions: withCondition(status.conditions, noneLeft(status), time) }),
    },
  };
}

function noneLeft({ observedGeneration }: { observedGeneration?: number | undefined }): MetaCondition {
  return {
    type: allowed,
    status: 'False',
    reason: 'InsufficientPods',
    message: '',
    lastTransitionTime: '',
    ...(observedGeneration !== undefined && { observedGeneration }),
  };
}

/** A refusal that passes by itself within moments. */
export function stillProcessed(name: string): ApiError {
  return refused(`The disruption budget ${name} is still being processed by the server.`, 10);
}

function refused(message: string, retryAfterSeconds?: number): ApiError {
  return new ApiError('TooManyRequests', "Cannot evict pod as it would violate the pod's disruption budget.", {
    causes: [{ reason: 'DisruptionBudget', message }],
    ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
  });
}

/** A budget without a selector, or with an empty one, covers nothing here. */
function covers({ spec }: PodDisruptionBudget, { metadata }: Pod): boolean {
  const selector = fromLabelSelector(spec.selector);
  return selector !== undefined && selector.length > 0 && matches(selector, metadata.labels);
}

/** A pod that is not ready is no loss to a budget that is kept, or that says so. */
function allowsUnready({ spec, status }: PodDisruptionBudget): boolean {
  if (spec.unhealthyPodEvictionPolicy === 'AlwaysAllow') return true;
  return status !== undefined && status.desiredHealthy > 0 && status.currentHealthy >= status.desiredHealthy;
}
