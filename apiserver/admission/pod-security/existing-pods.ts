/** What a namespace's changed label would mean for the pods that it has, told to who changes it. */
import type { Pod } from '#lib/kinds/gen/core-v1.ts';
import { controllerOf } from '#lib/meta/owners.ts';
import { violationsOf } from './checks.ts';
import { standardText } from './policy.ts';
import type { Standard } from './policy.ts';

/** Pods that a changed label is checked against at most. */
const podsToCheck = 3000;

/** The warnings, in upstream's words. */
export function warningsAbout(namespace: string, enforce: Standard, found: readonly Pod[]): string[] {
  const pods = onePerController(found);
  const byReasons = Map.groupBy(pods.slice(0, podsToCheck), ({ metadata, spec }) =>
    violationsOf(enforce, { annotations: metadata.annotations, spec })
      .map(({ reason }) => reason)
      .join(', '),
  );
  byReasons.delete('');
  const lines = [...byReasons].map(([reasons, found]) => {
    const [first, ...others] = found.map(({ metadata }) => metadata.name).sort();
    const more = others.length === 0 ? '' : ` (and ${others.length} other ${others.length === 1 ? 'pod' : 'pods'})`;
    return `${first}${more}: ${reasons}`;
  });
  return [
    ...(pods.length > podsToCheck
      ? [`new PodSecurity enforce level only checked against the first ${podsToCheck} of ${pods.length} existing pods`]
      : []),
    ...(lines.length > 0
      ? [
          `existing pods in namespace "${namespace}" violate the new PodSecurity enforce level "${standardText(enforce)}"`,
        ]
      : []),
    ...lines.sort(),
  ];
}

/** The pods in an order by which as many controllers as possible come within the limit. */
function onePerController(pods: readonly Pod[]): Pod[] {
  const seen = new Set<string>();
  const others: Pod[] = [];
  const first = pods.filter((pod) => {
    const owner = controllerOf(pod)?.uid;
    if (owner === undefined || !seen.has(owner)) {
      if (owner !== undefined) seen.add(owner);
      return true;
    }
    others.push(pod);
    return false;
  });
  return [...first, ...others];
}
