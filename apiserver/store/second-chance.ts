/** Who may keep something dear that can be made again: as many as there is room for, those first that use it. */

export interface Keeper {
  /** Whether it has used what it keeps since it was last asked. */
  takeUse(): boolean;
  /** Lets go of what it keeps. */
  forget(): void;
}

/**
 * Admits keepers, of whom at most `limit` keep. To make room it looks around in a circle for one that has not used what it keeps since the last time
 * round ("second chance", or clock, replacement).
 */
export function makeSecondChance(limit: number): (keeper: Keeper) => void {
  const ring: (Keeper | undefined)[] = [];
  let hand = 0;
  return (keeper) => {
    if (ring.length < limit) {
      ring.push(keeper);
      return;
    }
    while (ring[hand]!.takeUse()) hand = (hand + 1) % limit;
    ring[hand]!.forget();
    ring[hand] = keeper;
    hand = (hand + 1) % limit;
  };
}
