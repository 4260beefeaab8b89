import { oneTerm } from '../filters/node-affinity.ts';
import { levelUp } from './score.ts';
import type { Score } from './score.ts';

/** Prefers nodes that preferred node affinity names (upstream: NodeAffinity). */
export const preferredNodeAffinity: Score = {
  measure: ({ shape: { spec } }) => {
    const preferred = spec.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution;
    if (!preferred?.length) return undefined;
    const terms = preferred
      .filter(({ weight }) => weight !== 0)
      .map(({ weight, preference }) => ({ weight, holds: isEmpty(preference) ? () => true : oneTerm(preference) }));
    return (node) => terms.reduce((sum, { weight, holds }) => (holds(node) ? sum + weight : sum), 0);
  },
  level: levelUp,
};

/** A preference that says nothing holds everywhere, unlike a requirement. */
function isEmpty(term: { matchExpressions?: unknown[] | undefined; matchFields?: unknown[] | undefined }): boolean {
  return !term.matchExpressions?.length && !term.matchFields?.length;
}
