import type { Taint, Toleration } from '#lib/kinds/gen/core-v1.ts';
import type { Filter } from './filter.ts';
import { never } from './filter.ts';

/** Taints with NoSchedule or NoExecute keep pods away that do not tolerate them (upstream: TaintToleration). */
export const taints: Filter = ({ shape: { spec } }) => {
  const { tolerations } = spec;
  return (node) => {
    if (node.taints.length === 0) return undefined;
    const taint = repellingTaint(node.taints, tolerations);
    return taint && never(`node(s) had untolerated taint {${taint.key}: ${taint.value ?? ''}}`);
  };
};

/** The first taint that keeps a pod with these tolerations from being placed. */
export function repellingTaint(
  taints: readonly Taint[],
  tolerations: readonly Toleration[] | undefined,
): Taint | undefined {
  return taints.find((taint) => taint.effect !== 'PreferNoSchedule' && !tolerates(tolerations, taint));
}

/** Whether one of the tolerations covers the taint. */
export function tolerates(tolerations: readonly Toleration[] | undefined, taint: Taint): boolean {
  return tolerations?.some((toleration) => covers(toleration, taint)) ?? false;
}

/** Upstream: `ToleratesTaint`; an empty key with Exists covers all keys, an empty effect all effects. */
function covers({ key, operator, value, effect }: Toleration, taint: Taint): boolean {
  if (effect && effect !== taint.effect) return false;
  if (key && key !== taint.key) return false;
  return operator === 'Exists' || (value ?? '') === (taint.value ?? '');
}
