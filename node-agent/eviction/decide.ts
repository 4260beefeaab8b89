/** From what a node has left to what it says of itself and what must be freed: upstream's eviction manager as a pure function. */
import { conditionOfResource, resourceOf, unitsIn } from './types.ts';
import type { Observations, PressureCondition, Threshold } from './types.ts';

/** What is remembered from look to look. */
export interface PressureState {
  /** When each threshold that is met now was first seen to be. */
  metSince: ReadonlyMap<Threshold, number>;
  /** Thresholds that have driven evictions and whose minimum reclaim is not free yet. */
  held: readonly Threshold[];
  /** When the node was last seen to be short in each way. */
  lastSeen: ReadonlyMap<PressureCondition, number>;
}

export const noPressure: PressureState = { metSince: new Map(), held: [], lastSeen: new Map() };

export interface Verdict {
  state: PressureState;
  conditions: readonly PressureCondition[];
  /** Thresholds past their grace, the one to act on first; memory goes before all others. */
  act: readonly Threshold[];
}

export interface Look {
  thresholds: readonly Threshold[];
  observations: Observations;
  state: PressureState;
  transitionMs: number;
  now: number;
}

/** Judges one look. */
export function decide({ thresholds, observations, state, transitionMs, now }: Look): Verdict {
  const unresolved = state.held.filter((threshold) => isMet(threshold, observations, true));
  const met = thresholds.filter((threshold) => isMet(threshold, observations, false) || unresolved.includes(threshold));
  const metSince = new Map(met.map((threshold) => [threshold, state.metSince.get(threshold) ?? now]));
  const lastSeen = new Map([
    ...state.lastSeen,
    ...met.map(({ signal }) => [conditionOfResource[resourceOf[signal]], now] as const),
  ]);
  const held = met.filter((threshold) => now - metSince.get(threshold)! >= threshold.graceMs);
  return {
    state: { metSince, held, lastSeen },
    conditions: [...lastSeen].filter(([, at]) => now - at < transitionMs || at === now).map(([condition]) => condition),
    act: held.toSorted((a, b) => Number(isOfMemory(b)) - Number(isOfMemory(a))),
  };
}

/** Whether so much is missing; with `reclaim` the minimum reclaim must be free, too. */
export function isMet({ signal, value, minReclaim }: Threshold, observations: Observations, reclaim: boolean): boolean {
  const observed = observations[signal];
  if (!observed) return false;
  const more = reclaim && minReclaim ? unitsIn(minReclaim, observed.capacity) : 0;
  return observed.available < unitsIn(value, observed.capacity) + more;
}

function isOfMemory({ signal }: Threshold): boolean {
  return resourceOf[signal] === 'memory';
}
