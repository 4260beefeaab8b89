/** The affinity terms that pods already placed carry with them, counted by the nodes of their carriers. */
import type { PodInfo } from './pod-info.ts';
import type { Term } from './terms.ts';

/** What a carried term means to a newcomer that it selects. */
export type Bearing = 'repels' | 'demands' | 'prefers';

export interface CarriedTerm {
  readonly bearing: Bearing;
  readonly term: Term;
  /** Of preferred terms; negative for anti-affinity. */
  readonly weight: number;
  /** Slot -> carriers there. */
  readonly carriers: Map<number, number>;
}

export class CarriedTerms {
  readonly #terms = new Map<string, CarriedTerm>();
  readonly #numberOf: Record<Bearing, number> = { repels: 0, demands: 0, prefers: 0 };

  /** Whether any pod carries a term of this bearing. */
  has(bearing: Bearing): boolean {
    return this.#numberOf[bearing] > 0;
  }

  /** Distinct carried terms. */
  all(): Iterable<CarriedTerm> {
    return this.#terms.values();
  }

  /** A pod came to (+1) or left (-1) the node of this slot. */
  note(pod: PodInfo, slot: number, change: 1 | -1): void {
    for (const term of pod.antiAffinity) this.#count('repels', term, 0, slot, change);
    for (const term of pod.affinity) this.#count('demands', term, 0, slot, change);
    for (const { term, weight } of pod.preferredAffinity) this.#count('prefers', term, weight, slot, change);
  }

  #count(bearing: Bearing, term: Term, weight: number, slot: number, change: 1 | -1): void {
    const key = `${bearing} ${weight} ${term.topologyKey} ${term.podsKey}`;
    let carried = this.#terms.get(key);
    if (!carried) {
      carried = { bearing, term, weight, carriers: new Map() };
      this.#terms.set(key, carried);
      this.#numberOf[bearing]++;
    }
    const carriers = (carried.carriers.get(slot) ?? 0) + change;
    if (carriers > 0) carried.carriers.set(slot, carriers);
    else carried.carriers.delete(slot);
    if (carried.carriers.size === 0) {
      this.#terms.delete(key);
      this.#numberOf[bearing]--;
    }
  }
}
