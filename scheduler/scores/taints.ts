import { tolerates } from '../filters/taints.ts';
import { levelDown } from './score.ts';
import type { Score } from './score.ts';

/** Avoids nodes with PreferNoSchedule taints that the pod does not tolerate (upstream: TaintToleration). */
export const preferredTaints: Score = {
  measure: ({ shape: { spec } }) => {
    const tolerations = spec.tolerations?.filter(({ effect }) => !effect || effect === 'PreferNoSchedule');
    return ({ taints }) => {
      let count = 0;
      for (const taint of taints) if (taint.effect === 'PreferNoSchedule' && !tolerates(tolerations, taint)) count++;
      return count;
    };
  },
  level: levelDown,
};
