/** How the server's concurrency is shared out among priority levels, and lent between them: upstream's rules for nominal and current limits. */
import type { PriorityLevelConfigurationSpec } from '#lib/kinds/gen/flowcontrol-v1.ts';
import type { SeatDemand } from './seat-demand.ts';

/** Seats of a level: its own, and the least and the most that lending and borrowing may leave it with. */
export interface SeatBounds {
  nominal: number;
  least: number;
  most: number;
}

/** Each level's part of `total` by its shares; rounded up, so that together they may be a little more. */
export function boundsOf(
  specs: ReadonlyMap<string, PriorityLevelConfigurationSpec>,
  total: number,
): Map<string, SeatBounds> {
  const levels = [...specs].map(([name, { limited, exempt }]) => {
    const { nominalConcurrencyShares: shares = 0, lendablePercent: lends = 0 } = limited ?? exempt ?? {};
    return { name, shares, lends, borrows: limited?.borrowingLimitPercent };
  });
  const sum = levels.reduce((all, { shares }) => all + shares, 0);
  return new Map(
    levels.map(({ name, shares, lends, borrows }) => {
      const nominal = sum === 0 ? 0 : Math.ceil((total * shares) / sum);
      const least = nominal - Math.round((nominal * lends) / 100);
      const most = borrows === undefined ? Math.max(total, nominal) : nominal + Math.round((nominal * borrows) / 100);
      return [name, { nominal, least, most }];
    }),
  );
}

/** What a level could have used: at most what it asked for at its height, mostly what it asked for most of the time. */
export function smoothed({ high, average, deviation }: SeatDemand, before: number): number {
  const envelope = Math.min(high, average + deviation);
  return Math.max(envelope, decay * before + (1 - decay) * envelope);
}

/** What is remembered of a demand after each second: half of it after five minutes, as upstream. */
const decay = 0.9977;

export interface Claim extends SeatBounds {
  /** The most seats that were asked for in the last period, and the smoothed demand. */
  high: number;
  smooth: number;
}

/**
 * The current limit of each level: what it has asked for, within its bounds, scaled by one factor for all so that the server's seats are given out.
 * No level gets less than its own seats while it asks for them.
 */
export function currentLimits(claims: readonly Claim[], total: number): number[] {
  const items = claims.map(({ nominal, least, most, high, smooth }) => {
    const floor = Math.max(least, Math.min(nominal, high));
    return { floor, ceiling: Math.max(most, floor), target: Math.max(floor, smooth, smallestTarget) };
  });
  const given = (factor: number) =>
    items.map(({ floor, ceiling, target }) => Math.min(ceiling, Math.max(floor, factor * target)));
  const sum = (seats: readonly number[]) => seats.reduce((all, one) => all + one, 0);
  let [low, high] = [0, total / smallestTarget];
  // The sum grows with the factor: halving finds the one that fits, to less than a seat.
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (sum(given(middle)) > total) high = middle;
    else low = middle;
  }
  return given(low).map(Math.round);
}

const smallestTarget = 0.001;
