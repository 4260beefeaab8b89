/** Which rule of a Job's podFailurePolicy a failed pod falls under. */
import type { Job, PodFailurePolicyRule } from '#lib/kinds/gen/batch-v1.ts';
import type { ContainerStatus, Pod } from '#lib/kinds/gen/core-v1.ts';

export interface Ruling {
  action: PodFailurePolicyRule['action'];
  /** Upstream's sentence. */
  message: string;
}

/** The first rule that fits, undefined without one: the failure then counts towards the limit. */
export function ruleFor(pod: Pod, { spec }: Job): Ruling | undefined {
  if (pod.status?.phase !== 'Failed') return undefined;
  for (const [i, rule] of (spec.podFailurePolicy?.rules ?? []).entries()) {
    const because = fitOf(pod, rule);
    if (because) return { action: rule.action, message: `${because} matching ${rule.action} rule at index ${i}` };
  }
  return undefined;
}

function fitOf(pod: Pod, { onExitCodes, onPodConditions }: PodFailurePolicyRule): string | undefined {
  const { namespace, name } = pod.metadata;
  if (onExitCodes) {
    const { containerName, operator, values } = onExitCodes;
    const statuses = [...(pod.status?.containerStatuses ?? []), ...(pod.status?.initContainerStatuses ?? [])];
    for (const status of statuses.filter((each) => containerName === undefined || each.name === containerName)) {
      const code = exitCodeOf(status);
      if (code === undefined || code === 0 || values.includes(code) !== (operator === 'In')) continue;
      return `Container ${status.name} for pod ${namespace}/${name} failed with exit code ${code}`;
    }
    return undefined;
  }
  const met = (onPodConditions ?? []).find(({ type, status }) =>
    pod.status?.conditions?.some((condition) => condition.type === type && condition.status === status),
  );
  return met && `Pod ${namespace}/${name} has condition ${met.type}`;
}

function exitCodeOf({ state }: ContainerStatus): number | undefined {
  return state?.terminated?.exitCode;
}
