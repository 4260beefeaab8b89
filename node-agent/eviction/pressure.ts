/** How short the node is: kept from look to look, and asked when pods come. */
import type { Pod } from '#lib/kinds/gen/core-v1.ts';
import { qosClassOf } from '#lib/kinds/pod-spec/resources.ts';
import { decide, noPressure } from './decide.ts';
import type { EvictionSettings } from './settings.ts';
import { isCritical } from './rank.ts';
import type { Observations, PressureCondition, Threshold } from './types.ts';

export interface Pressure {
  conditions(): readonly PressureCondition[];
  /** Takes in what was observed; resolves to the thresholds to act on. */
  look(observations: Observations, now: number): readonly Threshold[];
  /** Why a pod cannot be taken now; undefined when it can. */
  refusalOf(pod: Pod): { reason: string; message: string } | undefined;
}

/** None yet. */
export function makePressure({ thresholds, transitionMs }: EvictionSettings): Pressure {
  let state = noPressure;
  let conditions: readonly PressureCondition[] = [];
  return {
    conditions: () => conditions,
    look(observations, now) {
      const verdict = decide({ thresholds, observations, state, transitionMs, now });
      ({ state, conditions } = verdict);
      return verdict.act;
    },
    refusalOf: (pod) => refusalOf(pod, conditions),
  };
}

/** Short of memory alone, a node still takes pods that say how much they need, and those that put up with it. */
function refusalOf(pod: Pod, conditions: readonly PressureCondition[]): ReturnType<Pressure['refusalOf']> {
  if (conditions.length === 0 || isCritical(pod)) return undefined;
  if (conditions.length === 1 && conditions[0] === 'MemoryPressure') {
    if (qosClassOf(pod.spec) !== 'BestEffort' || toleratesMemoryPressure(pod)) return undefined;
  }
  return { reason: 'Evicted', message: `The node had condition: [${conditions.join(' ')}]. ` };
}

function toleratesMemoryPressure({ spec }: Pod): boolean {
  return (spec.tolerations ?? []).some(
    ({ key, operator = 'Equal', value = '', effect }) =>
      (!effect || effect === 'NoSchedule') &&
      (key ? key === 'node.kubernetes.io/memory-pressure' : operator === 'Exists') &&
      (operator === 'Exists' || value === ''),
  );
}
